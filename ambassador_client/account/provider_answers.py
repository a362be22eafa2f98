"""Reads what a provider answers to a command whose user signs in; any text and any JSON object may be given."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from ambassador_client.account.browser import is_web_address
from ambassador_client.errors import BadAnswerError, SignInError, one_line
from ambassador_protocol.server_urls import is_loopback
from ambassador_protocol.sign_in import LoginIssuer

AGAIN: Final = "Run the command again."
ASK: Final = "Ask your administrator to check the issuer."
SECONDS: Final = 300.0
"""How long a command waits for the user, where the provider does not say it."""

_LONGEST_SECONDS: Final = 1800.0
_INTERVAL: Final = 5.0
_DAY: Final = 86_400
_LONGEST_TEXT: Final = 200
_LONGEST_TOKEN: Final = 16 * 1024
_SIGNED: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_ADDRESS: Final = re.compile(r"https?://[\x21-\x7e]{1,2000}")
_PENDING: Final = "authorization_pending"
_SLOW_DOWN: Final = "slow_down"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """A code that the user enters at an address; `interval` is the shortest time between two questions about it."""

    secret: str = field(repr=False)
    user_code: str
    address: str
    complete_address: str | None
    interval: float
    seconds: float


def endpoint(url: str | None, issuer: LoginIssuer) -> str:
    """Return an address to which a code, or the user, may be sent: with TLS, or on this machine."""
    if url is None:
        raise SignInError(
            f"the server cannot read the document of issuer {issuer.name} at the moment",
            "Try again in half a minute; else ask your administrator.",
        )
    if not _is_safe(url) or "#" in url:
        raise BadAnswerError(f"the address {url} of issuer {issuer.name} is none with TLS", ASK)
    return url


def read_code(answer: Mapping[str, str], issuer: LoginIssuer) -> str:
    """Return the code with which a browser came back, if it comes from the issuer (RFC 9207); raises SignInError."""
    named = answer.get("iss")
    if named != issuer.url and (named is not None or issuer.names_itself):
        told = "does not name the issuer" if named is None else f"comes from another issuer, {_short(named)}"
        raise SignInError(f"the answer {told}, so it is not believed", ASK)
    if "error" in answer:
        raise refusal(answer, None)
    if not answer.get("code"):
        raise SignInError("the provider sent the browser back without a code", AGAIN)
    return answer["code"]


def read_device_code(status: int, answer: Mapping[str, Any], issuer: LoginIssuer) -> DeviceCode:
    """Return the code for a device (RFC 8628, 3.2); raises SignInError, or BadAnswerError for one that is none."""
    if status != 200 or answer.get("error") is not None:
        raise refusal(answer, status)
    complete = answer.get("verification_uri_complete")
    return DeviceCode(
        secret=_code(answer.get("device_code"), _LONGEST_TOKEN),
        user_code=_code(answer.get("user_code"), _LONGEST_TEXT),
        address=_address_for_user(answer.get("verification_uri"), issuer),
        complete_address=None if complete is None else _address_for_user(complete, issuer),
        interval=max(_number(answer.get("interval"), _INTERVAL), 1.0),
        seconds=min(_number(answer.get("expires_in"), SECONDS), _LONGEST_SECONDS),
    )


def next_interval(interval: float, status: int, answer: Mapping[str, Any]) -> float | None:
    """Return the time to the next question about a device (RFC 8628, 3.5); None if the user has signed in.

    Raises SignInError if the user never will.
    """
    error = answer.get("error")
    if error == _PENDING:
        return interval
    if error == _SLOW_DOWN:
        return interval + _INTERVAL
    if status != 200 or error is not None:
        raise refusal(answer, status)
    return None


def read_id_token(status: int, answer: Mapping[str, Any]) -> str:
    """Return the ID token of an answer, which only the server verifies; raises SignInError."""
    if status != 200 or answer.get("error") is not None:
        raise refusal(answer, status)
    found = answer.get("id_token")
    if not isinstance(found, str) or not found:
        raise SignInError("the provider sent no ID token", ASK)
    if len(found) > _LONGEST_TOKEN or not _SIGNED.fullmatch(found):
        raise SignInError("the provider sent an ID token that is too long, encrypted, or none at all", ASK)
    return found


def refusal(answer: Mapping[str, Any], status: int | None) -> SignInError:
    """Return the error for what a provider says; its words are marked as such, and never our advice."""
    error, described = _short(answer.get("error")), _short(answer.get("error_description"))
    said = f'; it says "{described}"' if described else ""
    if error == "access_denied":
        return SignInError(f"the sign-in was cancelled, or the provider denied it{said}", AGAIN)
    if error == "expired_token":
        return code_expired()
    return SignInError(f"the provider refused the sign-in ({error or f'HTTP {status}'}){said}", ASK)


def code_expired() -> SignInError:
    """Return the error for a code that nobody has entered in time."""
    return SignInError("the code has expired before it was entered", AGAIN)


def _address_for_user(value: object, issuer: LoginIssuer) -> str:
    if not isinstance(value, str) or not _is_safe(value):
        raise BadAnswerError(
            f"the provider of issuer {issuer.name} names no address with TLS for the code", ASK
        )
    return value


def _is_safe(url: str) -> bool:
    """Tell whether this is an address with TLS, or one of this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # raises ValueError for one that is none
    except ValueError:
        return False
    if not _ADDRESS.fullmatch(url) or not is_web_address(url) or not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or is_loopback(host)


def _code(text: object, longest: int) -> str:
    """Return a code if it is of visible ASCII characters, as codes are."""
    if not isinstance(text, str) or not re.fullmatch(rf"[\x20-\x7e]{{1,{longest}}}", text):
        raise BadAnswerError("the provider's answer has no code that can be shown", ASK)
    return text


def _short(text: object) -> str:
    """Return the words of a provider, as one line without control characters; nothing for what is no text."""
    return one_line(text)[:_LONGEST_TEXT].replace('"', "'") if isinstance(text, str) else ""


def _number(value: object, default: float) -> float:
    """Return a positive number of seconds, at most those of a day; the default for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return default
    return float(min(value, _DAY))
