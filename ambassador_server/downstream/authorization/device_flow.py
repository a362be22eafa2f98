"""The consent of a user on another device (RFC 8628)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from ambassador_server.downstream.authorization.token_endpoint import (
    TokenEndpoint,
    error_code,
    error_of,
    read_token,
    read_tokens,
    with_resource,
    with_scopes,
)
from ambassador_server.errors import AuthorizationError, AuthorizationServerUnavailableError, GrantDeadError
from ambassador_server.guarded_http.addresses import check_url
from ambassador_server.guarded_http.requests import Answer
from ambassador_server.ports.authorization import DeviceCode, ServerMetadata, Tokens

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_SLOW_DOWN_SECONDS: Final = 5
_DEFAULT_INTERVAL: Final = 5
_LONGEST_INTERVAL: Final = 300
_LONGEST_LIFE_SECONDS: Final = 3600
_LONGEST_USER_CODE: Final = 64


async def start_device(
    endpoint: TokenEndpoint, server: ServerMetadata, scopes: tuple[str, ...], now: datetime
) -> DeviceCode:
    """Return what the user has to enter, and where."""
    if server.device_endpoint is None:
        raise AuthorizationError("The authorization server offers no device flow.")
    answer = await endpoint.send(server.device_endpoint, with_scopes(scopes, with_resource(server, {})))
    if answer.status != HTTPStatus.OK or error_code(answer.json_or_empty()):
        raise error_of(answer)
    return _read(answer, server, scopes, now)


async def poll_device(
    endpoint: TokenEndpoint, server: ServerMetadata, device: DeviceCode, now: datetime
) -> Tokens | DeviceCode:
    """Ask once whether the user has decided."""
    if now >= device.expires_at:
        raise GrantDeadError("The code for the device has expired.")
    form = with_resource(server, {"grant_type": _GRANT, "device_code": device.device_code})
    answer = await endpoint.send(server.token_endpoint, form)
    found = answer.json_or_empty()
    code = error_code(found)
    if code == "authorization_pending":
        return device
    if code == "slow_down":
        return replace(device, interval=min(device.interval + _SLOW_DOWN_SECONDS, _LONGEST_INTERVAL))
    if answer.status != HTTPStatus.OK or not found or "error" in found:
        raise error_of(answer)
    return read_tokens(found, now, before=Tokens(access_token="", scopes=device.scopes))


def _read(answer: Answer, server: ServerMetadata, scopes: tuple[str, ...], now: datetime) -> DeviceCode:
    found = answer.json()
    user_code = found.get("user_code")
    if (
        not isinstance(user_code, str)
        or not 0 < len(user_code) <= _LONGEST_USER_CODE
        or not user_code.isprintable()
    ):
        raise AuthorizationServerUnavailableError("The authorization server sent no valid user_code.")
    # Some servers use the name of a draft.
    page = found.get("verification_uri") or found.get("verification_url")
    complete = found.get("verification_uri_complete")
    return DeviceCode(
        device_code=read_token(found, "device_code"),
        user_code=user_code,
        verification_uri=_page(page, server),
        verification_uri_complete=_page(complete, server) if complete else None,
        expires_at=now
        + timedelta(seconds=_number(found, "expires_in", _LONGEST_LIFE_SECONDS, _LONGEST_LIFE_SECONDS)),
        interval=_number(found, "interval", _DEFAULT_INTERVAL, _LONGEST_INTERVAL),
        scopes=scopes,
    )


def _page(url: object, server: ServerMetadata) -> str:
    """Return a URL that the user is told to open."""
    if not isinstance(url, str) or not url.isprintable():
        raise AuthorizationServerUnavailableError("The authorization server sent no valid verification_uri.")
    check_url(url, private=server.private_addresses)
    return url


def _number(found: Mapping[str, Any], name: str, default: int, largest: int) -> int:
    value = found.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        return default
    return max(1, min(value, largest))
