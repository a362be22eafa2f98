"""What this server offers by SCIM, and how it deals with the habits of Okta and Entra."""

from typing import Any, Final

from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    EnterpriseUser,
    ETag,
    Filter,
    InvalidFilterException,
    MutabilityException,
    Patch,
    PatchOp,
    PatchOperation,
    Resource,
    ResourceType,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
    User,
)
from scim2_models.path import CompareOperator, Comparison, ValuePath
from scim2_server.conditions import Conditions
from scim2_server.service import ScimService

from ambassador_server.web.admin.scim.bounds import LONGEST_FILTER
from ambassador_server.web.admin.scim.documents import MODELS, GroupResource, UserResource
from ambassador_server.web.admin.scim.habits import standard_filter, standard_operations

MOST_RESULTS: Final = 200


class ProvisioningService(ScimService):
    """The SCIM protocol, with bounds, and with what Okta and Entra expect besides the standard."""

    def read_patch(
        self, resource_type: ResourceType, body: bytes, content_type: str | None
    ) -> "PatchOp[Any]":
        """Validate the body of a PATCH, whose bounds are checked before the library parses its paths."""
        return super().read_patch(resource_type, standard_operations(body), content_type)

    def read_search(self, resource_types: list[ResourceType], payload: Any) -> tuple[SearchRequest[Any], Any]:
        """Validate a search; a long filter is refused before it is parsed."""
        if isinstance(payload, dict):
            payload = {name: _checked(name, value) for name, value in payload.items()}
        return super().read_search(resource_types, payload)

    def apply_patch(
        self, current: Resource[Any], patch_op: "PatchOp[Any]", conditions: Conditions
    ) -> Resource[Any] | None:
        """Apply a PATCH; a value that is chosen by its type, and is not there, is added."""
        for operation in patch_op.operations or ():
            _add_if_absent(current, operation)
        patched = super().apply_patch(current, patch_op, conditions)
        if isinstance(patched, User) and patched.active is None:
            # Neither of the two values is a safe default.
            raise MutabilityException(
                attribute="active", detail="'active' is true or false; it is not removed"
            )
        return patched


def _checked(name: str, value: Any) -> Any:
    if name.casefold() != "filter" or not isinstance(value, str):
        return value
    if len(value) > LONGEST_FILTER:
        raise InvalidFilterException(detail=f"A filter has at most {LONGEST_FILTER:,} characters")
    return standard_filter(value)


def _add_if_absent(current: Resource[Any], operation: "PatchOperation[Any]") -> None:
    """Make `emails[type eq "work"].value` a place to write to, as Entra expects of a user without one.

    The standard has such an operation fail.
    """
    if operation.op is PatchOperation.Op.remove or operation.path is None:
        return
    node = operation.path.ast
    if not isinstance(node, ValuePath) or node.sub_attr is None:
        return
    chosen = node.val_filter
    if not isinstance(chosen, Comparison) or chosen.op is not CompareOperator.eq:
        return
    if operation.path.get(current, strict=False):
        return
    operation.path = type(operation.path)(str(node.attr_path))
    operation.op = PatchOperation.Op.add
    operation.value = [{str(chosen.attr_path): chosen.value, node.sub_attr: operation.value}]


def _config() -> ServiceProviderConfig:
    return ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=False),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="Bearer token",
                description="An admin key with the role 'scim'.",
                primary=True,
            )
        ],
    )


SERVICE: Final = ProvisioningService(
    ScimProvider(
        models=[UserResource, EnterpriseUser, GroupResource],
        resource_types=[ResourceType.from_resource(each) for each in MODELS.values()],
        config=_config(),
    )
)
