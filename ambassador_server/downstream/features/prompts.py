"""The list of prompts."""

from typing import Any, Final

import msgspec

from ambassador_server.domain.catalog.offers import Prompt
from ambassador_server.downstream.features.list_faults import ListFaults
from ambassador_server.downstream.features.pages import ListKind
from ambassador_server.downstream.features.tools import read_name


class _Head(msgspec.Struct):
    description: Any = None


_head_decoder = msgspec.json.Decoder(_Head)


def _build(name: str, definition: bytes, _: ListFaults) -> Prompt:
    description = _head_decoder.decode(definition).description
    return Prompt(
        name=name,
        description=description if isinstance(description, str) else "",
        definition=definition,
    )


PROMPTS: Final = ListKind(
    method="prompts/list",
    member="prompts",
    noun="prompt",
    key_name="name",
    read_key=read_name,
    build=_build,
    identity=lambda prompt: prompt.definition,
)
