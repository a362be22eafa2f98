"""The lists of one session: reads those that may have changed, and remembers the definitions of the tools."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Protocol

from ambassador_server.domain.catalog.mcps import DownstreamState, Tool, ToolClass, ToolListReport
from ambassador_server.domain.catalog.offers import (
    NO_FEATURES,
    DownstreamFeatures,
    ListedResource,
    Prompt,
    ResourceTemplate,
)
from ambassador_server.downstream.features.list_faults import ListFaults, joined_reports
from ambassador_server.downstream.features.pages import ListKind, Request, read_list
from ambassador_server.downstream.features.prompts import PROMPTS
from ambassador_server.downstream.features.resources import RESOURCES, TEMPLATES
from ambassador_server.downstream.features.tools import TOOLS
from ambassador_server.errors import AmbassadorError, DefinitionChangedError
from ambassador_server.ports.exchange import NeutralRequest

_FIRST_SECONDS: Final = 5.0
"""How long the other lists may keep the tools of a new session waiting."""

_log = logging.getLogger(__name__)


class ListName(StrEnum):
    """The lists of the protocol, by the members of `Lists`, in the order in which they are read."""

    TOOLS = "tools"
    RESOURCES = "resources"
    TEMPLATES = "templates"
    PROMPTS = "prompts"


_KINDS: Final[dict[ListName, ListKind[Any]]] = {
    ListName.TOOLS: TOOLS,
    ListName.RESOURCES: RESOURCES,
    ListName.TEMPLATES: TEMPLATES,
    ListName.PROMPTS: PROMPTS,
}
_ALL: Final = frozenset(ListName)
_ANNOUNCED: Final = {
    "notifications/tools/list_changed": frozenset({ListName.TOOLS}),
    "notifications/resources/list_changed": frozenset({ListName.RESOURCES, ListName.TEMPLATES}),
    "notifications/prompts/list_changed": frozenset({ListName.PROMPTS}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What was read of the lists of a downstream; None for a list that was not read, or could not be."""

    features: DownstreamFeatures = NO_FEATURES
    tools: tuple[Tool, ...] | None = None
    resources: tuple[ListedResource, ...] | None = None
    templates: tuple[ResourceTemplate, ...] | None = None
    prompts: tuple[Prompt, ...] | None = None


def with_lists(state: DownstreamState, lists: Lists | None) -> DownstreamState:
    """Return the state with these lists; one that is missing or the same stays the same object."""
    if lists is None:
        return state
    new = {name.value: getattr(lists, name) for name in ListName}
    return replace(
        state,
        features=lists.features,
        **{name: items for name, items in new.items() if items not in (None, getattr(state, name))},
    )


class Secrets(Protocol):
    """The values of the credential of a session."""

    def hide(self, text: str) -> str:
        """Return a text without the values."""
        ...

    def is_in(self, text: bytes) -> bool:
        """Tell whether a text has one of the values."""
        ...


class SessionLists:
    """Reads the lists of one session; `changed` is set when one of them may have changed.

    The first list that a downstream has shows whether it accepts the session, so its failure is an error. The failure
    of another one is only warned of. With `only_tools` the other lists are not read. `report` tells what is wrong with
    the lists, without `secrets`. Items that show one of them are left out, because other users read them.
    """

    def __init__(
        self,
        name: str,
        request: Request,
        usable: Callable[[tuple[Tool, ...], ListFaults], Awaitable[tuple[Tool, ...]]],
        *,
        only_tools: bool,
        secrets: Secrets,
    ) -> None:
        self.changed = asyncio.Event()
        self.report = ToolListReport()
        self._name = name
        self._request = request
        self._usable = usable
        self._only_tools = only_tools
        self._secrets = secrets
        self._features = NO_FEATURES
        self._due: set[ListName] = set()
        self._reports: dict[ListName, ToolListReport] = {}
        self._offered: dict[str, tuple[str, ToolClass]] = {}

    def notified(self, method: str) -> None:
        """Take a notification; that of a changed list makes the list due."""
        announced = _ANNOUNCED.get(method)
        if announced is not None:
            self._due |= announced
            self.changed.set()

    def all_changed(self) -> None:
        """Make every list due."""
        self._due |= _ALL
        self.changed.set()

    async def open(self, features: DownstreamFeatures) -> Lists:
        """Read all lists for the first time; those that fail are due again, and get more time then."""
        self._features = features
        lists = await self._read(_ALL, first=None, others=_FIRST_SECONDS)
        missing = {name for name in ListName if getattr(lists, name) is None}
        if missing:
            self._due |= missing
            self.changed.set()
        return lists

    async def read_due(self, features: DownstreamFeatures, seconds: float) -> Lists:
        """Read the lists that are due; the first list of the downstream gets `seconds`, and all others together.

        Raises DownstreamUnavailableError and TimeoutError for the first list.
        """
        self._features = features
        due, self._due = self._due, set()
        try:
            return await self._read(due, first=seconds, others=seconds)
        except BaseException:
            self._due |= due
            raise

    async def read_tools(self) -> tuple[Tool, ...]:
        """Return every tool; raises DownstreamUnavailableError."""
        return await self._read_one(ListName.TOOLS) if self._features.tools else ()

    def check_definition(self, request: NeutralRequest) -> None:
        """Refuse a call that was decided by another definition, such as that of an earlier session."""
        tool = request.tool
        offered = None if tool is None else self._offered.get(tool.name)
        if tool is None or offered is None:
            return
        digest, tool_class = offered
        # Kill switches for a class of tools must hold for a process of one user that gives another class, too.
        differs = digest != tool.digest if request.pinned else tool_class is not tool.tool_class
        if differs:
            raise DefinitionChangedError(f"{self._name} offers another definition of tool {tool.name!r}")

    async def _read(self, wanted: Set[ListName], *, first: float | None, others: float) -> Lists:
        declared = self._declared()
        found: dict[str, tuple[Any, ...] | None] = {
            name: () for name in ListName if name in wanted and name not in declared
        }
        for name in found:
            self._reports.pop(ListName(name), None)
        due = [name for name in declared if name in wanted]
        if due and due[0] is declared[0]:
            name = due.pop(0)
            async with asyncio.timeout(first):
                found[name] = await self._read_one(name)
        deadline = asyncio.get_running_loop().time() + others
        for name in due:
            found[name] = await self._try_one(name, deadline)
        self._log_faults()
        return Lists(features=self._features, **found)

    def _declared(self) -> list[ListName]:
        features = self._features
        declares = {
            ListName.TOOLS: features.tools,
            ListName.RESOURCES: features.resources and not self._only_tools,
            ListName.TEMPLATES: features.resources and not self._only_tools,
            ListName.PROMPTS: features.prompts and not self._only_tools,
        }
        return [name for name in ListName if declares[name]]

    async def _try_one(self, name: ListName, deadline: float) -> tuple[Any, ...] | None:
        """Return a list, or None after a warning."""
        try:
            async with asyncio.timeout_at(deadline):
                return await self._read_one(name)
        except TimeoutError:
            reason = f"did not list its {_KINDS[name].noun}s in time"
        except AmbassadorError as error:
            reason = error.message
        self._reports[name] = ToolListReport(warnings=(self._secrets.hide(reason),))
        return None

    async def _read_one(self, name: ListName) -> tuple[Any, ...]:
        kind = _KINDS[name]
        faults = ListFaults(kind.noun, self._secrets.hide)
        listed = await read_list(kind, self._request, faults)
        items = tuple(each for each in listed if self._is_free(each, faults))
        if name is ListName.TOOLS:
            items = await self._usable(items, faults)
            self._offered = {tool.name: (tool.digest, tool.tool_class) for tool in items}
        self._reports[name] = faults.result()
        return items

    def _is_free(self, item: Any, faults: ListFaults) -> bool:
        """Tell whether an item shows no value of the credential; warn of one that does."""
        if not self._secrets.is_in(item.definition):
            return True
        faults.leave_out(item.name, "it shows the value of a credential")
        return False

    def _log_faults(self) -> None:
        """Log what is wrong with the lists; one that is read again is logged only if that differs."""
        report = joined_reports([self._reports[name] for name in ListName if name in self._reports])
        if report == self.report:
            return
        self.report = report
        for warning in report.warnings:
            _log.warning("%s: %s", self._name, warning)
        for tool in report.left_out:
            _log.warning("%s: the tool '%s' is left out: %s", self._name, tool.name, tool.reason)
        if report.left_out_count > len(report.left_out):
            _log.warning("%s: %d tools are left out in all", self._name, report.left_out_count)
