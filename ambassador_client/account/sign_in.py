"""Signs a user in with the account of the organisation, in a browser or with the code of a device.

What a provider sends is returned to the caller, who exchanges it at our server at once; nothing of it is kept.
"""

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from ambassador_client.account.browser import has_browser, is_web_address, open_browser
from ambassador_client.account.loopback_listener import LoopbackListener
from ambassador_client.account.provider_requests import post_form
from ambassador_client.errors import BadAnswerError, SignInError, UsageError
from ambassador_protocol.server_urls import is_loopback
from ambassador_protocol.sign_in import CALLBACK_PATH, LoginIssuer

SECONDS: Final = 300.0
"""How long a command waits for the browser."""
_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_LONGEST_DEVICE_SECONDS: Final = 1800.0
_LONGEST_INTERVAL: Final = 60.0
_SLOWER: Final = 5.0
_PAGE: Final = (
    b'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Signing in</title></head>\n'
    b"<body><main><h1>The provider has answered</h1><p>You can close this page. The command tells whether you are "
    b"signed in.</p></main></body></html>\n"
)
_AGAIN: Final = "Run the command again."
_ASK: Final = "Ask your administrator to check the issuer."

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
        begun = _endpoint(issuer.authorization_endpoint, issuer)
        url = f"{begun}{'&' if '?' in begun else '?'}{urlencode(asked)}"
        say(f"Your browser opens this page; sign in there: {url}")
        if not open_browser(url):
            say("No browser could be started; open the address yourself, on this machine.")
        answer = listener.wait(seconds)
    if answer is None:
        raise _nothing_came(len(ignored))
    fields = {
        "grant_type": "authorization_code",
        "code": _code(answer, issuer),
        "redirect_uri": redirect,
        "client_id": issuer.client_id,
        "code_verifier": verifier,
    }
    status, tokens = post_form(_endpoint(issuer.token_endpoint, issuer), fields)
    if status != 200:
        raise _refused(tokens, status)
    return _id_token(tokens, nonce)


def sign_in_with_device(
    issuer: LoginIssuer, say: Say, sleep: Callable[[float], None] = time.sleep
) -> IdToken:
    """Show a code for any browser, and ask until the user has entered it (RFC 8628); raises the same errors."""
    if issuer.device_endpoint is None:
        raise SignInError(f"issuer {issuer.name} offers no code for devices", "Sign in without --device.")
    nonce = secrets.token_urlsafe(48)
    asked = {"client_id": issuer.client_id, "scope": " ".join(issuer.scopes), "nonce": _digest(nonce)}
    status, begun = post_form(_endpoint(issuer.device_endpoint, issuer), asked)
    if status != 200:
        raise _refused(begun, status)
    device_code, shown = begun.get("device_code"), begun.get("verification_uri")
    if not isinstance(device_code, str) or not is_web_address(shown):
        raise BadAnswerError("the provider's answer cannot be read", _ASK)
    say(f"Open {shown} on any machine and enter the code {_shown(begun.get('user_code'))}")
    if is_web_address(begun.get("verification_uri_complete")):
        say(f"Or open {begun['verification_uri_complete']}")
    fields = {"grant_type": _DEVICE_GRANT, "device_code": device_code, "client_id": issuer.client_id}
    interval = min(max(_number(begun.get("interval"), 5.0), 1.0), _LONGEST_INTERVAL)
    ends = time.monotonic() + min(_number(begun.get("expires_in"), SECONDS), _LONGEST_DEVICE_SECONDS)
    while time.monotonic() < ends:
        sleep(interval)
        status, answer = post_form(_endpoint(issuer.token_endpoint, issuer), fields)
        if status == 200:
            return _id_token(answer, nonce)
        if answer.get("error") == "slow_down":
            interval = min(interval + _SLOWER, _LONGEST_INTERVAL)
        elif answer.get("error") != "authorization_pending":
            raise _refused(answer, status)
    raise SignInError("the code has expired before it was entered", _AGAIN)


def _code(answer: Mapping[str, str], issuer: LoginIssuer) -> str:
    """Return the code with which a browser came back, if it comes from the issuer (RFC 9207)."""
    named = answer.get("iss")
    if named != issuer.url and (named is not None or issuer.names_itself):
        told = "does not name the issuer" if named is None else f"comes from another issuer, {named}"
        raise SignInError(f"the answer {told}, so it is not believed", _ASK)
    if "error" in answer:
        raise _refused(answer, None)
    if not answer.get("code"):
        raise SignInError("the provider sent the browser back without a code", _AGAIN)
    return answer["code"]


def _refused(answer: Mapping[str, Any], status: int | None) -> SignInError:
    """Return the error for what a provider says; its texts are shown on one line, without control characters."""
    error, described = str(answer.get("error") or ""), str(answer.get("error_description") or "")
    if error == "access_denied":
        return SignInError("the sign-in was cancelled, or the provider denied it", described or _AGAIN)
    if error == "expired_token":
        return SignInError("the code has expired before it was entered", _AGAIN)
    what = error or f"HTTP {status}"
    more = f": {described}" if described else ""
    return SignInError(f"the provider refused the sign-in ({what}){more}", _ASK)


def _nothing_came(ignored: int) -> SignInError:
    more = f"; {ignored} answer(s) of other sign-ins (wrong state) were ignored" if ignored else ""
    return SignInError(f"nobody has signed in in time{more}", f"{_AGAIN} Without a browser, add --device.")


def _id_token(tokens: Mapping[str, Any], nonce: str) -> IdToken:
    found = tokens.get("id_token")
    if not isinstance(found, str) or not found:
        raise SignInError("the provider sent no ID token", _ASK)
    return IdToken(found, nonce)


def _issuer(value: Any) -> LoginIssuer:
    try:
        return LoginIssuer(**{name: value[name] for name in LoginIssuer.__slots__})
    except (TypeError, KeyError):
        raise BadAnswerError(
            "the server's list of issuers cannot be read", "Its version may differ."
        ) from None


def _endpoint(url: str | None, issuer: LoginIssuer) -> str:
    """Return an address to which a code, or the user, may be sent: with TLS, or on this machine."""
    if url is None:
        raise SignInError(
            f"the server cannot read the document of issuer {issuer.name} at the moment",
            "Try again in half a minute; else ask your administrator.",
        )
    parts = urlsplit(url)
    if not is_web_address(url) or (parts.scheme != "https" and not is_loopback(parts.hostname or "")):
        raise BadAnswerError(f"the address {url} of issuer {issuer.name} has no TLS", _ASK)
    return url


def _shown(text: object) -> str:
    """Return a short text of a provider as one that a terminal shows as it is."""
    return "".join(char if char.isprintable() else "?" for char in str(text)[:100])


def _digest(secret: str) -> str:
    return base64.urlsafe_b64encode(sha256(secret.encode()).digest()).rstrip(b"=").decode()


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else default
