"""The choices of the user about the output."""

from collections.abc import Sequence
from dataclasses import dataclass

from ambassador_admin.output.formats import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How to show results; `format`, `fields` and the expression `jq` are None when the user did not choose any."""

    format: Format | None = None
    fields: Sequence[str] | None = None
    jq: str | None = None
    headers: bool = True
    quiet: bool = False
    colour: bool = False
