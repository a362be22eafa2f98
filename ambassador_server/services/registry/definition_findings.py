"""Reads what administrators look at before they approve definitions: cues of hidden instructions, and renamed tools."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from ambassador_server.domain.catalog.approved_tools import Approval, ToolComparison
from ambassador_server.domain.catalog.injection_cues import Cue, Finding, Findings, Pairs, find_cues
from ambassador_server.domain.catalog.mcps import Tool, canonical_name
from ambassador_server.services.calls.catalog_index import CatalogIndex


def names_of_tools(index: CatalogIndex) -> dict[str, str]:
    """Return the MCP and own name of each published tool by each of its names, before and after its transforms."""
    names: dict[str, str] = {}
    for entry in index.tools:
        own = canonical_name(entry.mcp_name, entry.name)
        names |= dict.fromkeys((own, entry.name, entry.ref.name, entry.published, entry.tool.name), own)
    return names


def findings_of(mcp_name: str, tool: Tool, names: Mapping[str, str]) -> Findings:
    """Search one definition that is offered; a list that is read has none that is nested too deep."""
    try:
        value = json.loads(tool.definition.decode(errors="surrogateescape"), object_pairs_hook=Pairs)
    except (ValueError, RecursionError):
        unread = Finding(place="", cue=Cue.LONG_TEXT, excerpt="The definition cannot be searched.")
        return Findings(first=(unread,))
    return find_cues(value, own_name=canonical_name(mcp_name, tool.name), other_tools=names)


def renamed_tools(compared: Iterable[ToolComparison], approved: Mapping[str, Tool]) -> dict[str, str]:
    """Return the old name of each new tool that has the definition of one tool that is gone, but for the name."""
    before, after = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for each in compared:
        tool = approved.get(each.name) if each.approval is Approval.GONE else each.offered
        sides = {Approval.GONE: before, Approval.NEW: after}
        if tool is not None and each.approval in sides:
            sides[each.approval][_without_name(tool)].append(each.name)
    return {
        new[0]: before[rest][0]
        for rest, new in after.items()
        if len(new) == 1 and len(before.get(rest, ())) == 1
    }


def _without_name(tool: Tool) -> str:
    """Return the members of a definition besides its name, in one spelling; the whole text of one with doubled keys."""
    text = tool.definition.decode(errors="surrogateescape")
    try:
        members = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return text
    return json.dumps({key: value for key, value in members.items() if key != "name"}, sort_keys=True)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found
