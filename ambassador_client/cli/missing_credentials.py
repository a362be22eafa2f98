"""Says which granted MCPs need a credential that the user has not given."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ambassador_client.errors import one_line

HINT: Final = "Run: ambassador-client credential list"


def missing_credentials(me: Mapping[str, Any]) -> list[str]:
    """Return the names of these MCPs in the answer to GET /v1/me; an older server names none."""
    names = me.get("missing_credentials")
    return [one_line(str(name)) for name in names] if isinstance(names, list) else []


def missing_text(names: Sequence[str]) -> str:
    """Return one sentence about these MCPs."""
    return f"calls of {', '.join(names)} are refused until you give a credential"
