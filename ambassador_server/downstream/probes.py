"""Connects to entries beside the running ones, and keeps what was found until they start."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from ambassador_server.domain.catalog.mcps import DownstreamFailure, Mcp, Tool, ToolListReport
from ambassador_server.downstream.era import EraMemory
from ambassador_server.downstream.features.session_lists import Lists
from ambassador_server.downstream.lent_credential import LentCredential
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.session import DownstreamSession
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError
from ambassador_server.ports.credentials import Credential

_MOST_KEPT: Final = 200
"""How many entries that do not run are remembered with what their last probe has found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """What the last probe of an entry has found: its lists, or why it failed and what the program wrote."""

    lists: Lists | None = None
    report: ToolListReport = field(default_factory=ToolListReport)
    failure: DownstreamFailure | None = None
    output: tuple[str, ...] = ()


class Probes:
    """Probes entries; each report is kept until the entry starts."""

    def __init__(
        self, mask: Callable[[str], str], programs: ProgramSettings, connect: float, eras: EraMemory
    ) -> None:
        self._eras = eras
        self._mask = mask
        self._programs = programs
        self._connect = connect
        self._reports: OrderedDict[str, ProbeReport] = OrderedDict()

    def take(self, mcp_id: str) -> ProbeReport:
        """Return the report about an entry that starts now, and forget it."""
        return self._reports.pop(mcp_id, _NOTHING)

    def last(self, mcp_id: str) -> ProbeReport:
        """Return the report about an entry that does not run."""
        return self._reports.get(mcp_id, _NOTHING)

    async def probe(self, mcp: Mcp, credential: Credential | None) -> tuple[Tool, ...]:
        """Connect to an entry with this credential, read its lists, disconnect, and return its tools.

        Raises InvalidInputError for invalid options, DownstreamUnavailableError, DownstreamTimeoutError; the errors end
        with the last line that the program wrote.
        """
        lent = LentCredential(credential, self._mask)
        session = DownstreamSession(mcp, lent, self._programs)
        failed: DownstreamUnavailableError | DownstreamTimeoutError | None = None
        lists = Lists()
        try:
            lists = await session.open(None, self._connect)
        except (DownstreamUnavailableError, DownstreamTimeoutError) as error:
            failed = error
        finally:
            await session.close()
        if failed is not None:
            # Only now the output is whole: a program that waits at a question has written no line end.
            reason = with_last_line(lent.hide(failed.message), session.last_error_line())
            failure = DownstreamFailure(error=reason, at=datetime.now(UTC))
            self._keep(mcp, ProbeReport(failure=failure, output=session.recent_output()))
            raise type(failed)(f"{mcp.name}: {reason}") from (None if credential else failed)
        self._eras.keep(mcp, session.era)
        self._keep(mcp, ProbeReport(lists=lists, report=session.report))
        return lists.tools or ()

    def _keep(self, mcp: Mcp, report: ProbeReport) -> None:
        self._reports[mcp.mcp_id] = report
        self._reports.move_to_end(mcp.mcp_id)
        if len(self._reports) > _MOST_KEPT:
            self._reports.popitem(last=False)


def with_last_line(reason: str, line: str) -> str:
    """Return why a downstream failed, with the last line that its program wrote if there is one."""
    return f"{reason}: {line}" if line else reason


_NOTHING: Final = ProbeReport()
