"""The command `issuer import`: a gateway's permissions by claims and scopes, as groups and grants."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ambassador_admin.cli.command import verb
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import UsageError
from ambassador_admin.output import Format

if TYPE_CHECKING:
    from ambassador_admin.declarative.gateway_permissions import Permissions

_HELP = "docs/identity.md, Permissions of another gateway"


def _existing(ctx: typer.Context, file: Path) -> Path:
    """Refuse a file that is not there before options that are missing: with these it would be the next error."""
    if str(file) != "-" and not ctx.resilient_parsing:
        try:
            file.stat()
        except OSError as error:
            raise UsageError(f"Cannot read {file}: {error.strerror}.") from error
    return file


def register(app: typer.Typer) -> None:
    """Add the command to those of issuers."""
    verb(app, "import")(import_permissions)


def import_permissions(
    admin: Invocation,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The gateway's configuration; - reads standard input.", callback=_existing
        ),
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The name of the issuer here.")],
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="The issuer exactly as its tokens name it (iss).")
    ],
    audience: Annotated[
        list[str],
        typer.Option("--audience", metavar="AUDIENCE", help="What its tokens for this server are for (aud)."),
    ],
    preset: Annotated[
        str, typer.Option("--preset", metavar="PRESET", help="Whose tokens these are; see `issuer add`.")
    ] = "generic",
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="LABEL", help="The owner in the file that is printed.")
    ] = None,
) -> None:
    """Print the permissions of mcp-gateway's configuration (auth) as YAML for `diff` and `apply`; changes nothing.

    Each value of the claim becomes a group of the issuer, and each pattern a grant of tools for the groups whose scopes
    suffice. What grants cannot say exactly is an error with its line and what to write instead, and nothing is
    printed.

    Example: ambassador-admin issuer import - --name b --url c --audience d
    """
    from ambassador_admin.declarative.export import export_text
    from ambassador_admin.declarative.gateway_grants import document
    from ambassador_protocol.admin.issuer_presets import PRESETS

    if preset not in PRESETS:
        raise UsageError(f"--preset: {preset!r} is none of {', '.join(PRESETS)}.")
    permissions = _permissions(admin, file)
    issuer: dict[str, Any] = {"name": name, "preset": preset, "url": url, "audiences": audience}
    found = document(permissions, issuer=issuer, owner=owner)
    if admin.output.format is Format.JSON:
        admin.output.document(found)
    else:
        admin.output.write(export_text([found], admin.output.encoding))


def _permissions(admin: Invocation, file: Path) -> "Permissions":
    """Return what a configuration says; each fault of it is a line, and then InvalidFilesError is raised."""
    from ambassador_admin.declarative.document import InvalidFilesError
    from ambassador_admin.declarative.gateway_grants import faults_of
    from ambassador_admin.declarative.gateway_permissions import read_permissions
    from ambassador_admin.declarative.yaml_tree import read_trees

    trees = read_trees(file, admin.environment.stdin)
    if len(trees) != 1:
        raise UsageError(f"{file}: a configuration is one document, not {len(trees)}.", hint=_HELP)
    permissions = read_permissions(trees[0])
    faults = permissions.faults or faults_of(permissions)
    for fault in (ordered := sorted(faults, key=lambda fault: (fault.position, fault.message))):
        admin.output.say(str(fault))
    if ordered:
        raise InvalidFilesError([str(fault) for fault in ordered])
    return permissions
