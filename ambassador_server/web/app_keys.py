"""Typed keys of values that both applications or their middleware use, and of values of requests."""

from dataclasses import dataclass

from aiohttp import web

from ambassador_server.domain.people.administrators import Administrator
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.shared.settings import Setting
from ambassador_server.ports.authenticator import Authenticator
from ambassador_server.ports.tracing import Tracer
from ambassador_server.services.administration.health import Health
from ambassador_server.services.sign_in.administrator_proof import AdministratorProver
from ambassador_server.services.sign_in.certificate_proof import CertificateProver
from ambassador_server.services.sign_in.gateway_proof import BelievedHeaders, GatewayProver
from ambassador_server.services.sign_in.ignored_headers import IgnoredHeaders
from ambassador_server.services.sign_in.protected_resource import ProtectedResource
from ambassador_server.web.listener_bounds import ConnectionsByApi


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """The settings of the web applications; `configuration` and the counts of connections are what they show.

    The `tracer` is None if no traces are wanted.
    `is_gateway` tells that the listener is the one of the API gateway, which proves itself by its certificate.
    `public_url` is without a slash at its end, and empty if there is none.
    """

    allowed_hosts: frozenset[str]
    cors_origins: frozenset[str]
    legacy_sse: bool
    max_body_bytes: int
    tls: bool
    public_url: str
    ca_pem: bytes | None
    configuration: tuple[Setting, ...]
    connections: ConnectionsByApi
    tracer: Tracer | None = None
    is_gateway: bool = False


HEALTH_CHECKS: web.AppKey[Health] = web.AppKey("health_checks", Health)
SETTINGS: web.AppKey[WebSettings] = web.AppKey("settings", WebSettings)
AUTHENTICATORS: web.AppKey[tuple[Authenticator, ...]] = web.AppKey("authenticators", tuple)
PROTECTED_RESOURCE: web.AppKey[ProtectedResource] = web.AppKey("protected_resource", ProtectedResource)
GATEWAY: web.AppKey[GatewayProver] = web.AppKey("gateway", GatewayProver)
IGNORED_HEADERS: web.AppKey[IgnoredHeaders] = web.AppKey("ignored_headers", IgnoredHeaders)
CERTIFICATES: web.AppKey[CertificateProver | None] = web.AppKey("certificates", CertificateProver)
"""None unless clients of the API are asked for certificates."""
ADMINISTRATORS: web.AppKey[AdministratorProver] = web.AppKey("administrators", AdministratorProver)

ORIGIN: web.RequestKey[Origin] = web.RequestKey("origin", Origin)
PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
ADMINISTRATOR: web.RequestKey[Administrator] = web.RequestKey("administrator", Administrator)
BELIEVED: web.RequestKey[BelievedHeaders] = web.RequestKey("believed", BelievedHeaders)
