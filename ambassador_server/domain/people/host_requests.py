"""Logins of hosts through this server: where a host may be sent back to, and what is sealed on the way."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

HOST_CLIENT_ID: Final = "mcp-host"
"""The public client that every host is here, because none is stored."""
LONGEST_REDIRECT: Final = 512
LONGEST_STATE: Final = 1_024
_NUMBER: Final = r"(?::[1-9][0-9]{0,4})?"
_REST: Final = r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
_LOOPBACK = re.compile(rf"http://(?:127\.0\.0\.1|\[::1\]|localhost){_NUMBER}{_REST}")
_HTTPS = re.compile(rf"https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?{_NUMBER}{_REST}")
_PRIVATE = re.compile(rf"([a-z][a-z0-9+.-]{{1,62}}):(?://[A-Za-z0-9._~-]*)?{_REST}")
_PUBLIC_SCHEME = re.compile(
    "about|blob|chrome|data|facetime|file|filesystem|ftps?|https?|intent|jar|javascript|ldaps?|mailto|ms-.*|nfs|"
    "resource|search-ms|sftp|shell|sips?|smb|sms|ssh|tel|telnet|urn|vbscript|view-source|wss?"
)
"""Schemes that are of no application, or that make a browser or a system do something else than open one."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class HostLoginFault(StrEnum):
    """Why a login of a host goes no further."""

    UNKNOWN_CLIENT = "unknown_client"
    FOREIGN_REDIRECT = "foreign_redirect"
    STATE_INVALID = "state_invalid"
    OTHER_BROWSER = "other_browser"
    FOREIGN_ISSUER = "foreign_issuer"
    CODE_INVALID = "code_invalid"
    WRONG_VERIFIER = "wrong_verifier"
    USED_BEFORE = "used_before"


class HostRequest(Struct, frozen=True, kw_only=True):
    """What a host has asked for, in one browser, at one issuer as it was then; `issuer` is its URL."""

    request_id: str
    issuer_id: str
    issuer: str
    client_id: str
    redirect_uri: str
    challenge: str
    state: str | None
    scopes: tuple[str, ...]
    cookie: str
    """The name of the cookie that the browser has, and the digest of its value."""
    browser: str
    expires_at: int


class Visit(Struct, frozen=True, kw_only=True):
    """A browser at the provider, after the consent of its user; the provider knows `verifier` by its digest."""

    request: HostRequest
    verifier: str


class HostCode(Struct, frozen=True, kw_only=True):
    """What a host exchanges for tokens: the code of the provider, and what it is bound to."""

    visit: Visit
    code: str
    expires_at: int


def is_redirect(text: str, listed: Iterable[str]) -> bool:
    """Tell whether a host may be sent back to this URI: any port of the user's machine, or one that is listed.

    Nothing is parsed and put together again, so that no browser can understand another host than this server does.
    """
    if len(text) > LONGEST_REDIRECT:
        return False
    return text in listed or (_LOOPBACK.fullmatch(text) is not None and _has_port(text))


def redirect_fault(text: str) -> str | None:
    """Return why a URI cannot be listed, None if it can."""
    if len(text) > LONGEST_REDIRECT:
        return f"a redirect URI has at most {LONGEST_REDIRECT} characters"
    if _LOOPBACK.fullmatch(text) is not None:
        return "redirects to the user's own machine are always allowed"
    if _HTTPS.fullmatch(text) is not None:
        return None if _has_port(text) and ".." not in urlsplit(text).netloc else "the URI has no valid host"
    private = _PRIVATE.fullmatch(text)
    if private is None or _PUBLIC_SCHEME.fullmatch(private[1]) is not None:
        return (
            "a redirect URI is https://… or of a scheme of an application, such as cursor://…, without a user and "
            "without a fragment"
        )
    return None


def redirect_target(text: str) -> str:
    """Return what tells people where a redirect leads: the scheme and the host."""
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def is_own_machine(redirect_uri: str) -> bool:
    """Tell whether a redirect leads to the user's own machine."""
    return redirect_uri.startswith("http://")


def with_parameters(url: str, parameters: Iterable[tuple[str, str | None]]) -> str:
    """Return a URL without a fragment with more parameters; those that are None are left out."""
    query = urlencode([(name, value) for name, value in parameters if value is not None])
    return f"{url}{'&' if '?' in url else '?'}{query}"


def is_challenge(text: str) -> bool:
    """Tell whether a text can be the SHA-256 of a verifier (RFC 7636)."""
    return _CHALLENGE.fullmatch(text) is not None


def challenge_of(verifier: str) -> str:
    """Return the challenge of a verifier by the method S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def fits(verifier: str, challenge: str) -> bool:
    """Tell whether a verifier is that of a challenge."""
    is_one = _VERIFIER.fullmatch(verifier) is not None
    return is_one and hmac.compare_digest(challenge_of(verifier), challenge)


def _has_port(text: str) -> bool:
    try:
        return urlsplit(text).port is None or bool(urlsplit(text).port)
    except ValueError:
        return False
