"""Signs a user in who has no browser on this machine: with a code that is entered in any other (RFC 8628)."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from ambassador_client.account.provider_answers import (
    DeviceCode,
    code_expired,
    endpoint,
    next_interval,
    read_device_code,
    read_id_token,
)
from ambassador_client.account.provider_requests import post_form
from ambassador_client.errors import SignInError, UnreachableError
from ambassador_protocol.sign_in import LoginIssuer

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


class Waiting(NamedTuple):
    """How a command waits, and the clock by which it does."""

    sleep: Callable[[float], None]
    monotonic: Callable[[], float]


_REAL: Final = Waiting(time.sleep, time.monotonic)


def token_of_device(
    issuer: LoginIssuer, nonce: str, say: Callable[[str], None], waiting: Waiting = _REAL
) -> str:
    """Show a code, ask until the user has entered it, and return the ID token.

    Raises SignInError if the provider refuses or the code expires, and LinkError. A question that the provider does
    not answer is asked again after twice the time.
    """
    if issuer.device_endpoint is None:
        raise SignInError(f"issuer {issuer.name} offers no code for devices", "Sign in without --device.")
    asked = {"client_id": issuer.client_id, "scope": " ".join(issuer.scopes), "nonce": nonce}
    code = read_device_code(*post_form(endpoint(issuer.device_endpoint, issuer), asked), issuer)
    ends = waiting.monotonic() + code.seconds
    say(f"Open {code.address} on any machine and enter the code {code.user_code}")
    if code.complete_address is not None:
        say(f"Or open {code.complete_address}")
    fields = {"grant_type": _GRANT, "device_code": code.secret, "client_id": issuer.client_id}
    return read_id_token(*_ask(endpoint(issuer.token_endpoint, issuer), fields, code, ends, waiting))


def _ask(
    url: str, fields: Mapping[str, str], code: DeviceCode, ends: float, waiting: Waiting
) -> tuple[int, dict[str, Any]]:
    """Ask until the provider says that the user has signed in."""
    interval: float = code.interval
    unanswered: UnreachableError | None = None
    while waiting.monotonic() + interval < ends:
        waiting.sleep(interval)
        try:
            status, answer = post_form(url, fields)
        except UnreachableError as error:
            unanswered, interval = error, interval * 2
            continue
        unanswered, found = None, next_interval(interval, status, answer)
        if found is None:
            return status, answer
        interval = found
    raise unanswered or code_expired()
