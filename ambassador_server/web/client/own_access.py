"""`/v1/me`: shows and changes the user's own access, for the client key of the request."""

from datetime import timedelta

from aiohttp import web

from ambassador_protocol import __version__
from ambassador_protocol.me import (
    ChangedMcp,
    Me,
    OwnCatalog,
    OwnIssuedKey,
    OwnKeyView,
    OwnMcp,
    OwnMetaTools,
    OwnPrompt,
    OwnResource,
    OwnRotation,
    OwnSession,
    OwnStop,
    OwnSubscriptionPut,
    OwnTokenView,
    OwnTool,
)
from ambassador_protocol.paths import ME, OWN_CATALOG, OWN_KEY_ROTATION, OWN_META_TOOLS, OWN_SUBSCRIPTIONS
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.meta_tools import MetaTools
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from ambassador_server.services.administration.own_access import OwnStatus, ShownToken
from ambassador_server.services.administration.own_offers import Known, OfferedMcp
from ambassador_server.services.calls.catalog_index import CatalogEntry, ToolEntry
from ambassador_server.web.app_keys import ORIGIN, PRINCIPAL
from ambassador_server.web.bodies import extended, json_response, optional_list, read_strict
from ambassador_server.web.client.app_keys import OWN_ACCESS
from ambassador_server.web.middleware.authenticate import authenticated
from ambassador_server.web.requests import choice, duration, patterns_of
from ambassador_server.web.timestamps import optional_timestamp, timestamp

_MAX_BYTES = 64 << 10


async def show(request: web.Request) -> web.Response:
    """Show the user of the request, and its key and session, or its token or certificate."""
    return _status(request.app[OWN_ACCESS].status(request[PRINCIPAL]))


async def choose_meta_tools(request: web.Request) -> web.Response:
    """Choose whether hosts with the key of the request search tools or list them; show what `show` does."""
    body = await read_strict(request, OwnMetaTools, limit=_MAX_BYTES)
    wanted = choice(MetaTools, body.meta_tools, "meta_tools")
    access = request.app[OWN_ACCESS]
    return _status(await access.choose_meta_tools(request[PRINCIPAL], request[ORIGIN], wanted))


def _status(status: OwnStatus) -> web.Response:
    return json_response(
        Me(
            user=status.user.name,
            display_name=status.user.display_name,
            groups=list(status.groups),
            key=None if status.key is None else own_key_view(status.key),
            token=None if status.token is None else _token(status.token),
            session=None if status.session is None else _session(status.session),
            tools=status.tools,
            refused=status.refused,
            stops=[_stop(switch) for switch in status.stops],
            missing_credentials=list(status.missing),
            meta_tools=status.meta_tools,
            server_version=__version__,
        )
    )


async def rotate(request: web.Request) -> web.Response:
    """Replace the key of the request by a new one; only this response contains its secret."""
    body = await read_strict(request, OwnRotation, limit=_MAX_BYTES)
    rotated = await request.app[OWN_ACCESS].rotate(
        request[PRINCIPAL],
        request[ORIGIN],
        body.preshared_key,
        overlap=duration(body.overlap_seconds, "overlap_seconds") or timedelta(),
    )
    return json_response(
        OwnIssuedKey(
            user=request[PRINCIPAL].user_name,
            key=own_key_view(rotated.key),
            preshared_key=rotated.secret,
            old_key_ends_at=timestamp(rotated.old_ends_at),
        ),
        status=201,
    )


async def catalog(request: web.Request) -> web.Response:
    """List the MCPs that are granted to the user, and which tools this client has selected."""
    offers = request.app[OWN_ACCESS].offers(request[PRINCIPAL])
    return json_response(OwnCatalog(mcps=[_mcp(offer) for offer in offers]))


async def subscribe(request: web.Request) -> web.Response:
    """Select among what is granted of an MCP, for the key of the request."""
    body = await read_strict(request, OwnSubscriptionPut, limit=_MAX_BYTES)
    changed = await request.app[OWN_ACCESS].subscribe(
        request[PRINCIPAL],
        request[ORIGIN],
        request.match_info["mcp"],
        patterns_of(body),
        allow_unmatched=bool(body.allow_unmatched),
    )
    return json_response(extended(ChangedMcp, _mcp(changed.offer), warnings=list(changed.warnings)))


async def unsubscribe(request: web.Request) -> web.Response:
    """Remove the selection of an MCP."""
    mcp = request.match_info["mcp"]
    await request.app[OWN_ACCESS].unsubscribe(request[PRINCIPAL], request[ORIGIN], mcp)
    return web.Response(status=204)


def own_key_view(key: ClientKey) -> OwnKeyView:
    """Show a key to its user."""
    return OwnKeyView(
        id=key.key_id,
        name=key.name,
        prefix=key.prefix,
        created_at=timestamp(key.created_at),
        expires_at=optional_timestamp(key.expires_at),
    )


def _token(token: ShownToken) -> OwnTokenView:
    return OwnTokenView(issuer=token.issuer, serial=token.serial, expires_at=timestamp(token.expires_at))


def _session(session: Session) -> OwnSession:
    return OwnSession(
        id=session.session_id,
        friendly_name=session.friendly_name,
        host_tool=session.host_tool,
        expires_at=timestamp(session.expires_at),
    )


def _stop(switch: KillSwitch) -> OwnStop:
    names_target = switch.scope in (SwitchScope.MCP, SwitchScope.TOOL, SwitchScope.TOOL_CLASS)
    return OwnStop(
        scope=switch.scope,
        target=switch.target_name or switch.target if names_target else None,
        message=switch.text_for_users,
    )


def _mcp(offer: OfferedMcp) -> OwnMcp:
    choice = offer.subscription
    return OwnMcp(
        name=offer.mcp.name,
        display_name=offer.mcp.display_name,
        description=offer.mcp.description,
        delivery=offer.delivery,
        subscribed=choice is not None,
        selected=None if choice is None else list(choice.patterns),
        selected_resources=None if choice is None else optional_list(choice.resources),
        selected_prompts=None if choice is None else optional_list(choice.prompts),
        tools=[_tool(tool) for tool in offer.tools],
        resources=[_resource(resource) for resource in offer.resources],
        prompts=[_prompt(prompt) for prompt in offer.prompts],
    )


def _tool(known: Known[ToolEntry]) -> OwnTool:
    tool = known.entry.tool
    return OwnTool(
        name=known.entry.ref.name,
        published_as=known.entry.published,
        description=tool.description if known.is_shown else "",
        tool_class=tool.tool_class,
        refused=_refused(known.denial),
        message=_message(known.denial),
    )


def _resource(known: Known[CatalogEntry]) -> OwnResource:
    return OwnResource(
        uri=known.entry.ref.name,
        published_as=known.entry.published,
        refused=_refused(known.denial),
        message=_message(known.denial),
    )


def _prompt(known: Known[CatalogEntry]) -> OwnPrompt:
    return OwnPrompt(
        name=known.entry.ref.name,
        published_as=known.entry.published,
        refused=_refused(known.denial),
        message=_message(known.denial),
    )


def _refused(denial: Deny | None) -> str | None:
    return None if denial is None else denial.reason


def _message(denial: Deny | None) -> str | None:
    return None if denial is None or denial.switch is None else denial.switch.text_for_users


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [
        web.get(ME, authenticated(show)),
        web.post(OWN_KEY_ROTATION, authenticated(rotate)),
        web.get(OWN_CATALOG, authenticated(catalog)),
        web.put(f"{OWN_SUBSCRIPTIONS}/{{mcp}}", authenticated(subscribe)),
        web.delete(f"{OWN_SUBSCRIPTIONS}/{{mcp}}", authenticated(unsubscribe)),
        web.put(OWN_META_TOOLS, authenticated(choose_meta_tools)),
    ]
