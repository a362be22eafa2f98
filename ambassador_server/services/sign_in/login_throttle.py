"""What a wrong credential costs whoever offered it."""

from collections import OrderedDict
from collections.abc import Iterable

from ambassador_server.domain.people.principals import Origin
from ambassador_server.errors import RateLimitedError
from ambassador_server.ports.throttle import Throttle

_MOST_HOMES = 10_000


def count_wrong_key(throttle: Throttle, origin: Origin) -> None:
    """Count a wrong key; raises RateLimitedError once the address has offered too many.

    Only wrong ones are ever refused for this: many people share one address, and no key can be guessed.
    """
    _check(throttle, [origin.address])
    throttle.failed(origin.address)


class CodeThrottle:
    """One-time codes are short, so from an address with too many wrong ones even a right one is not looked at."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    def check(self, origin: Origin) -> None:
        """Raise RateLimitedError for an address that has to wait."""
        _check(self._throttle, [_codes(origin)])

    def failed(self, origin: Origin) -> None:
        """Count a wrong code."""
        self._throttle.failed(_codes(origin))


class PasswordThrottle:
    """Passwords can be guessed, so after too many wrong ones even a right one is not looked at.

    Failures count against the address, the user name, and the two together. Where a user has logged in before only
    the last of these holds: guesses from elsewhere lock nobody out there. Admin keys are not concerned.
    """

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._homes: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, user_name: str, address: str) -> None:
        """Raise RateLimitedError for whoever has to wait."""
        pair = _pair(user_name, address)
        at_home = (user_name, address) in self._homes
        _check(self._throttle, [pair] if at_home else [address, _name(user_name)])

    def failed(self, user_name: str, address: str) -> None:
        """Count a wrong password."""
        for caller in (address, _name(user_name), _pair(user_name, address)):
            self._throttle.failed(caller)

    def succeeded(self, user_name: str, address: str) -> None:
        """Remember where this user logs in."""
        self._homes[user_name, address] = None
        self._homes.move_to_end((user_name, address))
        if len(self._homes) > _MOST_HOMES:
            self._homes.popitem(last=False)


def _check(throttle: Throttle, callers: Iterable[str]) -> None:
    wait = max(throttle.wait_seconds(caller) for caller in callers)
    if wait:
        raise RateLimitedError("Too many failed attempts", retry_after=wait)


def _codes(origin: Origin) -> str:
    # Apart from wrong keys: a client left behind with a dead key must not keep its neighbours from enrolling.
    return f"codes from {origin.address}"


def _name(user_name: str) -> str:
    return f"user {user_name}"


def _pair(user_name: str, address: str) -> str:
    return f"user {user_name} at {address}"
