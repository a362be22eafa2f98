"""Refuses requests for another host name, or from a page of a site that is not listed (DNS rebinding)."""

from urllib.parse import urlsplit

from aiohttp import web

from ambassador_protocol.paths import HEALTH, LIVE, READY
from ambassador_protocol.server_urls import url_host
from ambassador_server.web.app_keys import SETTINGS
from ambassador_server.web.middleware.cors import listed_origin

_PROBES = frozenset({HEALTH, LIVE, READY})


class HTTPMisdirected(web.HTTPClientError):
    """The `Host` header is not a name of this server."""

    status_code = 421


def check_hosts(request: web.Request) -> None:
    """Check `Host` and, if present, `Origin`, except for health probes, which use the IP address."""
    if request.path in _PROBES:
        return
    allowed = request.app[SETTINGS].allowed_hosts
    if _host_name(request.headers.get("Host", "")) not in allowed:
        raise HTTPMisdirected(text="This server does not answer to that host name")
    origin = request.headers.get("Origin")
    if origin is not None and _origin_name(origin) not in allowed and listed_origin(request) is None:
        raise web.HTTPForbidden(text="Requests from that origin are not accepted")


def _host_name(host: str) -> str:
    name = host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return name.lower()


def _origin_name(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
        name = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or name is None:
        return None
    return url_host(name)
