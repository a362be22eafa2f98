"""Rules that find the user in the alternative names (SAN) of a certificate, such as `email:{user}@acme.example`."""

import re
from functools import lru_cache
from typing import Final

from ambassador_server.domain.people.certificates import NameKind
from ambassador_server.errors import InvalidInputError

FINGERPRINT: Final = re.compile(r"sha256:[0-9a-f]{64}")
"""How an authority of certificates is named among the issuers."""
CAPTURE: Final = "{user}"
_PART: Final = {NameKind.EMAIL: r"[^@]+", NameKind.URI: r"[^/:@?#]+", NameKind.DNS: r"[^.]+"}
"""What the captured part may be: never more than one part of a name."""


@lru_cache(maxsize=1_000)
def read_rule(text: str) -> tuple[NameKind, re.Pattern[str]]:
    """Return the kind of name and the pattern of a rule. Raises InvalidInputError."""
    kind, _, pattern = text.partition(":")
    if kind not in {*NameKind} or pattern.count(CAPTURE) != 1:
        kinds = ", ".join(NameKind)
        raise InvalidInputError(
            f"user_claims: a rule is one of {kinds}, a colon, and a name with {CAPTURE} once, such as "
            f"email:{CAPTURE}@acme.example"
        )
    before, _, after = pattern.partition(CAPTURE)
    # A whole mail address may be the name of a user.
    part = ".+" if pattern == CAPTURE and kind == NameKind.EMAIL else _PART[NameKind(kind)]
    return NameKind(kind), re.compile(f"{re.escape(before)}({part}){re.escape(after)}")
