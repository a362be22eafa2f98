"""ID tokens that were exchanged, so that none is exchanged twice; of a token only a digest is kept."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedSignIn:
    """A token that was exchanged; from `expires_at` on it is refused for its age, too."""

    sign_in_id: str
    expires_at: datetime


def sign_in_id(token: str) -> str:
    """Return the id of a token.

    It is that of what is signed: of one signature others can be made that are good, too.
    """
    return sha256(token.rpartition(".")[0].encode()).hexdigest()
