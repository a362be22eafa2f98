"""Sets up a first server and serves: initialises it, publishes its first MCP, and enrols its first developer."""

import asyncio
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import typer
import yaml

from ambassador_protocol.server_urls import is_loopback, url_host
from ambassador_server.bootstrap.server import Ambassador
from ambassador_server.cli.options import configuration
from ambassador_server.cli.quickstart import SETTINGS_FILE, Answers
from ambassador_server.cli.server_process import Serving, run_server
from ambassador_server.cli.server_setup import prepare
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.private_files import write_private
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.policy.grants import CapabilityPatterns, Effect
from ambassador_server.domain.policy.pattern_spelling import EVERYTHING
from ambassador_server.errors import ConfigurationError
from ambassador_server.services.administration.grants import GrantSpec
from ambassador_server.services.administration.groups import GroupSpec
from ambassador_server.services.administration.users import UserSpec
from ambassador_server.services.registry.mcp_spec import McpSpec

_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 # the client API alone, for developers on other machines; the question says so
_CODE_LIFE = timedelta(minutes=15)
_KEY_LIFE = timedelta(days=90)
_KEY_NAME = "first"
_COMMAND_LINE = Requester(None, None)


@dataclass(slots=True)
class _FirstAccess:
    """Gives the first developer access as soon as the server serves, and prints how to use it."""

    answers: Answers
    settings_file: Path
    admin_key: str
    is_given: bool = False

    async def give(self, serving: Serving) -> None:
        """Publish the MCP, grant it to the group of the developer, issue the code, and print what comes next."""
        await self._publish(serving.ambassador)
        code = await self._enrol(serving.ambassador)
        self.is_given = True
        typer.echo(self._text(serving, code))

    async def _publish(self, ambassador: Ambassador) -> None:
        """Add the MCP and publish it, which connects to it first."""
        mcps, name = ambassador.services.registry.mcps, self.answers.mcp
        transport, options = self.answers.connection
        typer.echo(f"Connecting to the MCP {name} ...", err=True)
        await mcps.add(_COMMAND_LINE, name, McpSpec(transport=transport, options=options))
        await mcps.publish(_COMMAND_LINE, name)

    async def _enrol(self, ambassador: Ambassador) -> str:
        """Create user, group, membership and grant, and return a one-time code for the user's key."""
        administration, answers = ambassador.services.administration, self.answers
        await administration.users.create(_COMMAND_LINE, answers.user, UserSpec())
        await administration.groups.create(_COMMAND_LINE, answers.group, GroupSpec())
        await administration.groups.add_member(_COMMAND_LINE, answers.group, answers.user)
        grant = GrantSpec(
            group=answers.group,
            mcp=answers.mcp,
            named=CapabilityPatterns((EVERYTHING,)),
            effect=Effect.PERMIT,
        )
        await administration.grants.add(_COMMAND_LINE, grant)
        _, code = await administration.enrolments.issue(
            _COMMAND_LINE, user=answers.user, name=_KEY_NAME, lifetime=_CODE_LIFE, key_lifetime=_KEY_LIFE
        )
        return code

    def _text(self, serving: Serving, code: str) -> str:
        answers = self.answers
        clients = f"{serving.scheme}://{url_host(answers.hostname)}:{serving.ports['port']}"
        administrators = f"{serving.scheme}://localhost:{serving.ports['admin_port']}"
        proof = (
            "" if serving.certificates is None else f" --fingerprint {serving.certificates.ca_fingerprint}"
        )
        return f"""
Serving clients at {clients} and administrators at {administrators}.
{answers.user} may call every tool of {answers.mcp}, as a member of the group {answers.group}.

For {answers.user}, within 15 minutes, where ambassador-client is installed:

  ambassador-client login {clients}{proof} --code {code}

For an administrator, on this machine; it asks for the admin key below, which is not shown again:

  ambassador-admin login {administrators}{proof}
  {self.admin_key}

Ctrl-C stops this server. To start it again:

  ambassador-server serve --config {shlex.quote(str(self.settings_file))}
"""


def set_up_and_serve(answers: Answers, *, port: int | None, admin_port: int | None) -> None:
    """Set up the server and serve until SIGTERM or Ctrl-C; if the first access fails, remove the data directory."""
    settings = _settings(answers, {"port": port, "admin_port": admin_port})
    existed, settings_file, access = answers.data_dir.exists(), answers.data_dir / SETTINGS_FILE, None
    try:
        _, admin_key = asyncio.run(prepare(settings, "first-admin", another=False))
        _write_settings(settings_file, settings)
        access = _FirstAccess(answers, settings_file, admin_key)
        run_server(settings, None, when_serving=access.give)
    finally:
        if access is None or not access.is_given:
            _remove(answers.data_dir, itself=not existed)
            typer.echo(f"Nothing is left in {answers.data_dir}, so this can be run again.", err=True)
    if not access.is_given:
        raise typer.Abort


def _settings(answers: Answers, ports: Mapping[str, int | None]) -> ServerConfig:
    """Return the settings; localhost is served on loopback only. Raises ConfigurationError for another database."""
    is_local = is_loopback(answers.hostname)
    settings = configuration(
        None,
        data_dir=answers.data_dir,
        host=None if is_local else _ANY_ADDRESS,
        hostnames=None if is_local else (answers.hostname,),
        log_level="warning",  # what quickstart prints must stay on the screen
        **ports,
    )
    if settings.database_url is not None:
        raise ConfigurationError(
            "quickstart sets up SQLite, but MCP_AMBASSADOR_DATABASE_URL names a database.",
            hint="For a database of your own: ambassador-server init",
        )
    return settings


def _write_settings(file: Path, settings: ServerConfig) -> None:
    """Write what `serve` needs to serve the same way."""
    chosen = settings.model_dump(
        mode="json", include={"data_dir", "host", "port", "admin_port", "hostnames"}, exclude_defaults=True
    )
    head = "# Written by `ambassador-server quickstart`; `man ambassador-server` shows every setting.\n"
    write_private(file, (head + yaml.safe_dump(chosen, sort_keys=False)).encode())


def _remove(directory: Path, *, itself: bool) -> None:
    """Remove what is in the directory, which was new or empty before, and the directory if it was new."""
    if itself:
        shutil.rmtree(directory, ignore_errors=True)
        return
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
