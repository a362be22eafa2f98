"""Signs a user in with the account of the organisation, in a browser or with the code of a device.

What a provider sends is returned to the caller, who exchanges it at our server at once; nothing of it is kept.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import urlencode

from ambassador_client.account.browser import has_browser
from ambassador_client.account.device_sign_in import token_of_device
from ambassador_client.account.loopback_listener import LoopbackListener
from ambassador_client.account.provider_answers import (
    AGAIN,
    SECONDS,
    endpoint,
    read_code,
    read_id_token,
)
from ambassador_client.account.provider_requests import post_form
from ambassador_client.errors import BadAnswerError, SignInError, UsageError
from ambassador_protocol.sign_in import CALLBACK_PATH, LoginIssuer

_PAGE: Final = (
    b'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Signing in</title></head>\n'
    b"<body><main><h1>The provider has answered</h1><p>You can close this page. The command tells whether you are "
    b"signed in.</p></main></body></html>\n"
)

Say = Callable[[str], None]
"""Shows words to the user, whole: an address in them may be long."""


@dataclass(frozen=True, slots=True)
class IdToken:
    """What a provider has sent, and the secret of its nonce: for one request to our server, and no file."""

    token: str = field(repr=False)
    nonce: str = field(repr=False)


def choose_issuer(answer: Mapping[str, Any], name: str | None, server: str) -> LoginIssuer:
    """Return the issuer to sign in with, from the answer of a server to `GET` of its sign-in.

    Raises UsageError if the name is unknown, or is missing and there are several.
    """
    listed = answer.get("issuers")
    if not isinstance(listed, list):
        raise BadAnswerError(f"{server} does not tell where people sign in", "Its version may be older.")
    issuers = {each.name: each for each in map(_issuer, listed)}
    if not issuers:
        raise UsageError(
            f"nobody can sign in to {server} with an account of the organisation",
            "Ask your administrator; it needs: ambassador-admin issuer add --login-client-id ID",
        )
    names = ", ".join(sorted(issuers))
    if name is None:
        if len(issuers) > 1:
            raise UsageError(f"there are several issuers: {names}", "Choose one with --issuer NAME.")
        return next(iter(issuers.values()))
    if name not in issuers:
        raise UsageError(f"there is no issuer {name!r} to sign in with", f"Known are: {names}")
    return issuers[name]


def sign_in(issuer: LoginIssuer, say: Say, environ: Mapping[str, str], *, device: bool) -> IdToken:
    """Sign in with a device if that is asked for, or if no browser of this machine is seen; else with a browser."""
    if device or (issuer.device_endpoint is not None and not has_browser(environ)):
        return sign_in_with_device(issuer, say)
    return sign_in_with_browser(issuer, say)


def sign_in_with_browser(issuer: LoginIssuer, say: Say, seconds: float = SECONDS) -> IdToken:
    """Let the browser of this machine come back with a code, and exchange that (RFC 8252, PKCE with S256).

    Raises SignInError if the provider refuses, the user cancels, or nothing comes in time, and LinkError.
    """
    nonce, state, verifier = (secrets.token_urlsafe(48) for _ in range(3))
    begun, exchanged = (
        endpoint(issuer.authorization_endpoint, issuer),
        endpoint(issuer.token_endpoint, issuer),
    )
    ignored: list[None] = []

    def read(parameters: Mapping[str, str]) -> Mapping[str, str] | None:
        if compare_digest(parameters.get("state", "").encode("utf-8", "replace"), state.encode()):
            return parameters
        if parameters:
            ignored.append(None)
        return None

    with LoopbackListener(CALLBACK_PATH, read, _PAGE) as listener:
        redirect = f"http://127.0.0.1:{listener.port}{CALLBACK_PATH}"
        asked = {
            "response_type": "code",
            "client_id": issuer.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(issuer.scopes),
            "state": state,
            "nonce": _digest(nonce),
            "code_challenge": _digest(verifier),
            "code_challenge_method": "S256",
        }
        url = f"{begun}{'&' if '?' in begun else '?'}{urlencode(asked)}"
        say(f"Your browser opens this page; sign in there: {url}")
        answer = listener.open_and_wait(url, say, seconds)
    if answer is None:
        raise _nothing_came(len(ignored))
    fields = {
        "grant_type": "authorization_code",
        "code": read_code(answer, issuer),
        "redirect_uri": redirect,
        "client_id": issuer.client_id,
        "code_verifier": verifier,
    }
    return IdToken(read_id_token(*post_form(exchanged, fields)), nonce)


def sign_in_with_device(issuer: LoginIssuer, say: Say) -> IdToken:
    """Show a code for any browser, and ask until the user has entered it; raises the same errors."""
    nonce = secrets.token_urlsafe(48)
    return IdToken(token_of_device(issuer, _digest(nonce), say), nonce)


def _nothing_came(ignored: int) -> SignInError:
    more = f"; {ignored} answer(s) of other sign-ins (wrong state) were ignored" if ignored else ""
    return SignInError(f"nobody has signed in in time{more}", f"{AGAIN} Without a browser, add --device.")


def _issuer(value: Any) -> LoginIssuer:
    try:
        found = LoginIssuer(**{name: value[name] for name in LoginIssuer.__slots__})
    except (TypeError, KeyError):
        raise _unreadable() from None
    endpoints = found.authorization_endpoint, found.token_endpoint, found.device_endpoint
    texts = [found.name, found.url, found.client_id, *(each for each in endpoints if each is not None)]
    scopes: Any = found.scopes
    if not isinstance(scopes, list) or not all(isinstance(each, str) for each in texts + scopes):
        raise _unreadable()
    return found


def _unreadable() -> BadAnswerError:
    return BadAnswerError("the server's list of issuers cannot be read", "Its version may differ.")


def _digest(secret: str) -> str:
    return base64.urlsafe_b64encode(sha256(secret.encode()).digest()).rstrip(b"=").decode()
