"""What may be used once: ID tokens, identity assertions, and the states and codes of logins."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedOnce:
    """Something that was used; the id is a digest, and from `expires_at` on it is refused for its age, too."""

    use_id: str
    expires_at: datetime


def id_of_signed(token: str) -> str:
    """Return the id of a token.

    It is that of what is signed: of one signature others can be made that are good, too.
    """
    return sha256(token.rpartition(".")[0].encode()).hexdigest()
