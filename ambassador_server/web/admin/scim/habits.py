"""What Entra sends besides the standard, put into its words before the library sees it."""

import re
from typing import Any, Final

import msgspec
from scim2_models import EnterpriseUser, InvalidSyntaxException

from ambassador_server.web.admin.scim.bounds import operations_of

ENTRA_GROUP: Final = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
"""A schema without attributes, which Entra names for each group that it creates."""

_MANAGER: Final = f"{EnterpriseUser.__schema__}:manager".casefold()
# A quoted text stays as it is.
_BARE_MANAGER: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![\w:.$-])manager(?=\s)', re.IGNORECASE)


def standard_filter(text: str) -> str:
    """Return a filter with the schema of `manager`, which Entra leaves out when it asks who a manager is."""
    return _BARE_MANAGER.sub(
        lambda found: found[0] if found[0].startswith('"') else f"{EnterpriseUser.__schema__}:manager.value",
        text,
    )


def standard_operations(body: bytes) -> bytes:
    """Return the body of a PATCH with paths for keys that choose an element, and with managers as objects.

    What is wrong with an operation is left to the library. Raises an error of SCIM if they exceed a bound.
    """
    document = decoded(body)
    key, operations = operations_of(document)
    if not operations:
        return body
    return msgspec.json.encode({**document, key: [part for each in operations for part in _parts(each)]})


def decoded(body: bytes) -> dict[str, Any]:
    """Return the object that a body is; raises InvalidSyntaxException if it is none."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidSyntaxException(detail="The body is not JSON") from None
    if not isinstance(document, dict):
        raise InvalidSyntaxException(detail="The body is not a JSON object")
    return document


def _parts(operation: Any) -> list[Any]:
    if not isinstance(operation, dict):
        return [operation]
    path, value = operation.get("path"), operation.get("value")
    if isinstance(path, str) and path.casefold() == _MANAGER and isinstance(value, str) and value:
        return [{**operation, "value": {"value": value, "$ref": f"Users/{value}"}}]
    if path is not None or not isinstance(value, dict):
        return [operation]
    chosen = [name for name in value if "[" in name or name.casefold() == _MANAGER]
    if not chosen:
        return [operation]
    plain = {name: each for name, each in value.items() if name not in chosen}
    return [
        {**operation, "value": plain},
        *(part for name in chosen for part in _parts({**operation, "path": name, "value": value[name]})),
    ]
