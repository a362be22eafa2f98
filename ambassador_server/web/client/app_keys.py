"""Typed keys of values that only the client application uses."""

from aiohttp import web

from ambassador_server.ports.face import McpFace
from ambassador_server.services.administration.own_access import OwnAccess
from ambassador_server.services.administration.own_requests import OwnRequests
from ambassador_server.services.calls.use_cases import CallUseCases
from ambassador_server.services.credentials.use_cases import UserCredentialUseCases
from ambassador_server.services.sign_in.use_cases import ClientSignIn
from ambassador_server.web.client.sse_streams import SseStreams
from ambassador_server.web.keep_alive import KeepAlive

SIGN_IN: web.AppKey[ClientSignIn] = web.AppKey("sign_in", ClientSignIn)
CALLS: web.AppKey[CallUseCases] = web.AppKey("calls", CallUseCases)
OWN_ACCESS: web.AppKey[OwnAccess] = web.AppKey("own_access", OwnAccess)
REQUESTS: web.AppKey[OwnRequests] = web.AppKey("requests", OwnRequests)
CREDENTIALS: web.AppKey[UserCredentialUseCases] = web.AppKey("credentials", UserCredentialUseCases)
PUBLIC_URL: web.AppKey[str] = web.AppKey("public_url", str)
FACE: web.AppKey[McpFace] = web.AppKey("face", McpFace)
KEEP_ALIVE: web.AppKey[KeepAlive] = web.AppKey("keep_alive", KeepAlive)
SSE_STREAMS: web.AppKey[SseStreams] = web.AppKey("sse_streams", SseStreams)
