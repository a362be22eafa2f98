"""Throttles failed logins, wrong keys and tokens, and wrong one-time codes.

Each kind is counted apart: a client with a revoked key, which tries it again and again, must not block the enrolment of
others or the login of an administrator from its address.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ambassador_server.domain.people.principals import Origin
from ambassador_server.errors import RateLimitedError
from ambassador_server.ports.throttle import Throttle

_MAX_KNOWN_ADDRESSES = 10_000
_MOST_QUESTIONS = 16
"""How many unknown tokens of one address are asked about at a time."""


def count_wrong_key(throttle: Throttle, origin: Origin) -> None:
    """Count a wrong key. Raises RateLimitedError after too many from one address.

    A good key is never throttled, because many users may share an address and keys are too long to guess.
    """
    _check(throttle, [_keys(origin)])
    throttle.failed(_keys(origin))


def count_wrong_token(throttle: Throttle, origin: Origin) -> bool:
    """Count a wrong session token and return whether to record it; not after too many wrong secrets of one address."""
    if throttle.wait_seconds(_keys(origin)):
        return False
    throttle.failed(_keys(origin))
    return True


def count_unchecked_token(throttle: Throttle, origin: Origin) -> bool:
    """Count a token that could not be checked, and return whether to record it; the address is not to blame for it."""
    caller = f"unchecked tokens from {origin.address}"
    if throttle.wait_seconds(caller):
        return False
    throttle.failed(caller)
    return True


def count_refused_host(throttle: Throttle, origin: Origin) -> bool:
    """Count a refused login of a host, and return whether to record it.

    It is counted apart: a page of any site can make browsers ask for such a login.
    """
    caller = f"host logins from {origin.address}"
    if throttle.wait_seconds(caller):
        return False
    throttle.failed(caller)
    return True


class UnknownTokenThrottle:
    """Bounds how many unknown tokens an issuer is asked about: after too many inactive ones, of an address or of all.

    A token that was accepted lately is not unknown, so that its user is never throttled.
    """

    def __init__(self, throttle: Throttle, of_issuers: Throttle) -> None:
        self._throttle = throttle
        self._of_issuers = of_issuers
        self._asking = Counter[str]()

    @contextmanager
    def asking(self, issuer_id: str, origin: Origin) -> Iterator[None]:
        """Count a question while it is asked. Raises RateLimitedError if the address, or every address, must wait."""
        _check(self._throttle, [_keys(origin)])
        _check(self._of_issuers, [issuer_id])
        if self._asking[origin.address] >= _MOST_QUESTIONS:
            raise RateLimitedError("Too many unknown tokens at a time", retry_after=1)
        self._asking[origin.address] += 1
        try:
            yield
        finally:
            self._asking[origin.address] -= 1
            if not self._asking[origin.address]:
                del self._asking[origin.address]

    def inactive(self, issuer_id: str) -> None:
        """Count a token that its issuer called inactive."""
        self._of_issuers.failed(issuer_id)


class CodeThrottle:
    """Throttles one-time codes: they are short, so after too many wrong ones an address must wait with any code."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    def check(self, origin: Origin) -> None:
        """Raise RateLimitedError if the address must wait."""
        _check(self._throttle, [_codes(origin)])

    def failed(self, origin: Origin) -> None:
        """Count a wrong code."""
        self._throttle.failed(_codes(origin))


class SignInThrottle:
    """Throttles ID tokens: after too many refused ones an address must wait, so that it verifies no more signatures."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    def check(self, origin: Origin) -> None:
        """Raise RateLimitedError if the address must wait."""
        _check(self._throttle, [_sign_ins(origin)])

    def failed(self, origin: Origin) -> None:
        """Count a refused token."""
        self._throttle.failed(_sign_ins(origin))


class PasswordThrottle:
    """Throttles passwords: after too many wrong ones, a caller must wait even with the right one.

    Failures are counted for the address, for the user name, and for the pair of both. At an address from which a user
    has logged in before, only the pair is checked, so that guesses from other addresses do not lock the user out.
    """

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._known_addresses: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, user_name: str, address: str) -> None:
        """Raise RateLimitedError if a login of this user from this address must wait."""
        pair = _pair(user_name, address)
        is_known = (user_name, address) in self._known_addresses
        _check(self._throttle, [pair] if is_known else [_passwords(address), _name(user_name)])

    def failed(self, user_name: str, address: str) -> None:
        """Count a wrong password."""
        for caller in (_passwords(address), _name(user_name), _pair(user_name, address)):
            self._throttle.failed(caller)

    def succeeded(self, user_name: str, address: str) -> None:
        """Remember that this user has logged in from this address."""
        self._known_addresses[user_name, address] = None
        self._known_addresses.move_to_end((user_name, address))
        if len(self._known_addresses) > _MAX_KNOWN_ADDRESSES:
            self._known_addresses.popitem(last=False)


def _check(throttle: Throttle, callers: Iterable[str]) -> None:
    wait = max(throttle.wait_seconds(caller) for caller in callers)
    if wait:
        raise RateLimitedError("Too many failed attempts", retry_after=wait)


def _keys(origin: Origin) -> str:
    return f"keys from {origin.address}"


def _codes(origin: Origin) -> str:
    return f"codes from {origin.address}"


def _sign_ins(origin: Origin) -> str:
    return f"sign-ins from {origin.address}"


def _passwords(address: str) -> str:
    return f"passwords from {address}"


def _name(user_name: str) -> str:
    return f"user {user_name}"


def _pair(user_name: str, address: str) -> str:
    return f"user {user_name} at {address}"
