"""What a wrong credential costs the address it came from."""

from ambassador_server.domain.principal import Origin
from ambassador_server.errors import RateLimitedError
from ambassador_server.ports.throttle import Throttle


def check_guesses(throttle: Throttle, origin: Origin) -> None:
    """Count a wrong credential; raises RateLimitedError once the address has offered too many.

    Only wrong credentials are ever refused for this: many people share one address.
    """
    wait = throttle.wait_seconds(origin.address)
    if wait:
        raise RateLimitedError(f"Too many failed attempts. Try again in {wait} seconds.", retry_after=wait)
    throttle.failed(origin.address)
