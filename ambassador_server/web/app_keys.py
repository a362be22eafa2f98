"""Typed keys of what applications and requests carry."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from ambassador_server.domain.people.administrators import Administrator
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.shared.settings import Setting
from ambassador_server.ports.authenticator import Authenticator
from ambassador_server.ports.face import McpFace
from ambassador_server.services.use_cases import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """What the HTTP edge needs to know."""

    allowed_hosts: frozenset[str]
    max_body_bytes: int
    tls: bool
    ca_pem: bytes | None
    configuration: tuple[Setting, ...]


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
SETTINGS: web.AppKey[WebSettings] = web.AppKey("settings", WebSettings)
FACE: web.AppKey[McpFace] = web.AppKey("face", McpFace)
DESCRIPTION: web.AppKey[Callable[[], bytes]] = web.AppKey("description")
AUTHENTICATORS: web.AppKey[tuple[Authenticator, ...]] = web.AppKey("authenticators", tuple)

ORIGIN: web.RequestKey[Origin] = web.RequestKey("origin", Origin)
PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
ADMINISTRATOR: web.RequestKey[Administrator] = web.RequestKey("administrator", Administrator)
