"""The command `status`: registers a session as the proxy does and shows the result."""

from contextlib import suppress
from typing import Any

from ambassador_client.account.settings import Settings
from ambassador_client.cli.command import Run
from ambassador_client.cli.identity import known_by
from ambassador_client.cli.missing_credentials import missing_credentials
from ambassador_client.cli.output import show
from ambassador_client.cli.stops import stop_texts
from ambassador_client.errors import (
    CertificateRefusedError,
    ClientError,
    LinkError,
    ServerRefusedError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_protocol import __version__
from ambassador_protocol.paths import ME


def status(run: Run) -> int:
    """Show whether the server is reachable and accepts your key or certificate; show your user and number of tools.

    Example: ambassador-client status -o json
    """
    settings = run.settings
    view: dict[str, Any] = {
        "server": settings.server_url,
        "account": None if settings.account is None else settings.account.name,
        "reachable": None,
        "key_accepted": None,
        "certificate_accepted": None,
        "user": None,
        "key": None,
        "key_expires_at": None,
        "certificate": None,
        "certificate_expires_at": None,
        "session_expires_at": None,
        "tools": None,
        "refused": None,
        "stopped": [],
        "client": __version__,
        "server_version": None,
        "same_version": None,
        "problem": None,
    }
    problem: ClientError | None = None
    try:
        _query(run, view)
    except LinkError as error:
        problem = error
        view["problem"] = {"code": error.code, "message": str(error)}
        if isinstance(error, ServerRefusedError) and error.status == 401:
            view[_accepted(settings)] = False
    is_refused = isinstance(problem, CertificateRefusedError)  # by a server that was reached
    if is_refused:
        view["certificate_accepted"] = False
    view["reachable"] = is_refused or not isinstance(problem, UnreachableError | UntrustedCertificateError)
    show(view, run.output)
    if problem is not None:
        raise problem
    return 0


def _accepted(settings: Settings) -> str:
    return "certificate_accepted" if settings.credential is None else "key_accepted"


def _query(run: Run, view: dict[str, Any]) -> None:
    settings = run.settings
    me = run.server.request("GET", ME) if settings.credential is None else _me_in_session(run, view)
    view[_accepted(settings)] = True
    version = me.get("server_version")
    view |= {name: me.get(name) for name in ("user", "tools", "refused")}
    view |= {"stopped": stop_texts(me), "missing_credentials": missing_credentials(me)}
    view |= known_by(me)
    view |= {"server_version": version, "same_version": version == __version__}


def _me_in_session(run: Run, view: dict[str, Any]) -> dict[str, Any]:
    session = run.connect(run.settings, None).register(run.settings.identity)
    view["key_accepted"] = True
    view["session_expires_at"] = session.expires_at
    server = run.connect(run.settings, session.session_token)
    try:
        return server.request("GET", ME)
    finally:
        with suppress(ClientError):
            server.disconnect(session)
