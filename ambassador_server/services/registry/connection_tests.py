"""Connects to entries on trial: on request, before they are published, and before a new connection is used."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any, Final

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.audit.resources import mcp_resource
from ambassador_server.domain.catalog.credential_needs import (
    NO_CREDENTIALS,
    OAUTH_FIELD,
    CredentialNeeds,
    GrantType,
)
from ambassador_server.domain.catalog.credential_values import check_value
from ambassador_server.domain.catalog.mcps import Mcp, Tool
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.domain.shared.names import near
from ambassador_server.errors import (
    AmbassadorError,
    DownstreamTimeoutError,
    DownstreamUnavailableError,
    InvalidInputError,
    failure_reason,
)
from ambassador_server.ports.credentials import Credential, CredentialLender, Missing
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.ports.references import ResolveReference
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.registry.credential_rules import recorded_needs
from ambassador_server.services.registry.execution import Execution
from ambassador_server.services.shared.filled_credentials import fill, with_token

OneTimeValues = Mapping[str, str]
"""Values by field that an administrator gives for one test; they are never stored."""
NO_VALUES: Final[OneTimeValues] = {}
_GENERATION: Final = "test"
_MOST_SECONDS: Final = 20.0
"""How long the references of an entry are read, while an administrator waits for the test."""


class ConnectionTests:
    """Tests connections with the credentials that this server has, and with values for this test alone."""

    def __init__(
        self,
        *,
        downstreams: Downstreams,
        recorder: Recorder,
        changes: Changes,
        execution: Execution,
        lender: CredentialLender,
        resolve: ResolveReference,
    ) -> None:
        self._downstreams = downstreams
        self._recorder = recorder
        self._changes = changes
        self._execution = execution
        self._lender = lender
        self._resolve = resolve

    async def run(
        self, requester: Requester, mcp: Mcp, values: OneTimeValues = NO_VALUES
    ) -> tuple[Tool, ...] | None:
        """Connect to an entry and return its tools; None in a dry run, and if users alone have what it needs.

        A reference that cannot be read fails the test even then, because no user could fill it. The test is recorded
        before it begins, because it can run a command, and again when it has ended.
        """
        _check_values(mcp.credentials, values)
        if requester.dry_run:
            return None
        async with self._changes.refusals(requester):
            self._execution.check(requester, mcp)
        lacking = lacking_for_test(mcp.credentials, values)
        details = _details(mcp, values)
        await self._record(requester, mcp, Outcome.PERMITTED, details)
        try:
            credential = await self._credential_in_time(mcp, values)
            tools = None if lacking else await self._downstreams.probe(mcp, credential)
        except (AmbassadorError, asyncio.CancelledError) as error:
            _ = self._record(requester, mcp, Outcome.FAILED, details, failure_reason(error))
            raise
        found = {"lacking": lacking} if tools is None else {"tools": [tool.name for tool in tools]}
        await self._record(requester, mcp, Outcome.SUCCEEDED, {**details, **found})
        return tools

    def _record(
        self,
        requester: Requester,
        mcp: Mcp,
        outcome: Outcome,
        details: Mapping[str, Any],
        reason: str | None = None,
    ) -> Awaitable[None]:
        return self._recorder.event(
            AuditAction.MCP_TEST,
            outcome,
            actor=requester.actor,
            resource=mcp_resource(mcp),
            origin=requester.origin,
            reason=reason,
            details=details,
        )

    async def _credential_in_time(self, mcp: Mcp, values: OneTimeValues) -> Credential | None:
        """Return the credential, or raise DownstreamTimeoutError: many references to a slow store take long."""
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                return await self._credential(mcp, values)
        except TimeoutError:
            raise DownstreamTimeoutError(
                f"{mcp.name}: its credentials were not read within {_MOST_SECONDS:g} s"
            ) from None

    async def _credential(self, mcp: Mcp, values: OneTimeValues) -> Credential | None:
        """Return the credential, filled from one-time values and from references; every reference is read."""
        needs = mcp.credentials
        if needs == NO_CREDENTIALS:
            return None
        read: dict[str, str] = {}
        for field in needs.fields:
            reference = field.reference or field.listing_reference
            if reference is None:
                continue
            try:
                read[field.name] = await self._resolve(reference)
                check_value(field, read[field.name])
            except AmbassadorError as error:
                raise DownstreamUnavailableError(
                    f"Credential {field.name!r} cannot be read from {reference}: {error.message}"
                ) from None
        filled = fill(needs, {**read, **values}, _GENERATION)
        token = values.get(OAUTH_FIELD) or await self._token_of_account(mcp)
        return filled if token is None else with_token(filled, token)

    async def _token_of_account(self, mcp: Mcp) -> str | None:
        """Return the token of a service account, None for an MCP that has none; raises DownstreamUnavailableError."""
        oauth = mcp.credentials.oauth
        if oauth is None or oauth.grant is not GrantType.SERVICE_ACCOUNT:
            return None
        lent = await self._lender.for_listing(replace(mcp, credentials=CredentialNeeds(oauth=oauth)))
        if isinstance(lent, Missing):
            raise DownstreamUnavailableError(f"The service account has got no token: {lent.because}")
        return lent.secrets[0]  # its only value, because no fields were asked for


def lacking_for_test(needs: CredentialNeeds, values: OneTimeValues = NO_VALUES) -> list[str]:
    """Return what this server lacks to connect by itself: the fields of which only users have a value."""
    lacking = [
        field.name
        for field in needs.user_fields
        if field.required and field.listing_reference is None and field.name not in values
    ]
    return [*lacking, OAUTH_FIELD] if needs.has_token_per_user and OAUTH_FIELD not in values else lacking


def _check_values(needs: CredentialNeeds, values: OneTimeValues) -> None:
    """Raise InvalidInputError for a value of an unknown or shared field, and for one that cannot be sent."""
    fields = {field.name: field for field in needs.fields}
    for name, value in values.items():
        if name == OAUTH_FIELD and needs.has_token_per_user:
            if not value.isascii() or not value.isprintable() or not value.strip():
                raise InvalidInputError("An access token is printable text without spaces around it.")
        elif name not in fields:
            raise InvalidInputError(f"This MCP declares no credential {name[:60]!r}{near(name, fields)}.")
        elif not fields[name].is_per_user:
            raise InvalidInputError(
                f"Credential {name!r} is shared by reference, so no value is given for it."
            )
        else:
            check_value(fields[name], value)


def _details(mcp: Mcp, values: OneTimeValues) -> dict[str, Any]:
    details: dict[str, Any] = {"transport": mcp.transport, "options": mask_options(mcp.options)}
    if mcp.credentials != NO_CREDENTIALS:
        details["needs"] = recorded_needs(mcp.credentials)
    if values:
        details["one_time"] = sorted(values)
    return details
