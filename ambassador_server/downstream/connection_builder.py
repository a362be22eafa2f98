"""Builds the supervisors of entries and of the connections of users."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ambassador_server.domain.catalog.mcps import DownstreamState, DownstreamStatus, Mcp
from ambassador_server.domain.catalog.offers import NO_FEATURES
from ambassador_server.downstream.era import EraMemory
from ambassador_server.downstream.features.session_lists import Lists
from ambassador_server.downstream.lent_credential import LentCredential, OwnCredentials
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.session import SessionOwner
from ambassador_server.downstream.supervisor import Known, Limits, Supervisor
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.downstream import DownstreamChange, DownstreamListener

_NOT_LISTED: Final = "what it offers becomes known when a user who has given a credential asks for it"
STOPPED: Final = DownstreamState(status=DownstreamStatus.STOPPED, error=None, tools=())
STARTING: Final = replace(STOPPED, status=DownstreamStatus.STARTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionBuilder:
    """What all supervisors share.

    `own` has the credentials of this server's own connections; without it no entry that needs one gets one.
    """

    limits: Limits
    mask: Callable[[str], str]
    programs: ProgramSettings
    own: OwnCredentials | None
    eras: EraMemory

    def of_entry(self, mcp: Mcp, known: Known, listener: DownstreamListener) -> Supervisor:
        """Return the supervisor of an entry, which lists what the downstream offers."""
        return Supervisor(
            mcp,
            known,
            listener=listener,
            limits=self.limits,
            lent=LentCredential(None, self.mask),
            programs=self.programs,
            own=self.own,
        )

    def of_user(
        self,
        mcp: Mcp,
        entry: Supervisor,
        owner: SessionOwner,
        credential: Credential | None,
        listener: DownstreamListener,
    ) -> Supervisor:
        """Return the supervisor of a user's own connection; what it lists is adopted if the entry has none.

        The listener is told of its breaker alone.
        """

        era = entry.era or self.eras.era_of(mcp)

        def changed(change: DownstreamChange) -> None:
            if change.breaker is not None:
                listener(replace(change, user_id=owner.user_id))
            elif owner.lists_all and change.status is DownstreamStatus.READY:
                self.eras.keep(mcp, supervisor.era)
                entry.published.adopt(mcp, supervisor.state)

        supervisor = Supervisor(
            mcp,
            Known(state=replace(STARTING, tools=entry.state.tools), era=era, habits=entry.habits),
            listener=changed,
            limits=self.limits,
            lent=LentCredential(credential, self.mask),
            programs=self.programs,
            owner=owner,
        )
        return supervisor


def await_users(entry: Supervisor) -> None:
    """Let an entry have no connection: what it offers is adopted from those of users."""
    known = entry.state
    report = known.report
    if known.features == NO_FEATURES:
        report = replace(report, warnings=(*report.warnings, _NOT_LISTED))
    entry.published.ready(entry.mcp, Lists(features=known.features), report)
