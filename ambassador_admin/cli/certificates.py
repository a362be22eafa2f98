"""The `certificate` commands: which client certificates are not believed any more."""

from typing import Annotated

import typer

from ambassador_admin.api import issuers
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.issuers import ISSUER
from ambassador_admin.cli.several import listed, send_each
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation

app = noun("Client certificates: which are not believed any more.")

Serial = Annotated[
    str,
    typer.Argument(
        metavar="SERIAL", help="The serial number in hex digits, as openssl x509 -serial shows it."
    ),
]
Serials = Annotated[list[str], typer.Argument(metavar="SERIAL", help="The serial numbers in hex digits.")]
Authority = Annotated[
    str,
    typer.Option("--issuer", metavar="NAME", help="The issuer that signed it; see issuer list."),
    NameKind.ISSUER,
]


@verb(app, "revoke", changes=True)
def revoke(admin: Invocation, serial: Serial, issuer: Authority) -> None:
    """Believe a certificate no more: what it may do ends within a second, also open connections and running calls.

    Example: ambassador-admin certificate revoke 3A:0F --issuer people
    """
    admin.submit(issuers.revoke(issuer, serial), ISSUER)


@verb(app, "restore", destroys=True)
def restore(admin: Invocation, serials: Serials, issuer: Authority) -> None:
    """Believe revoked certificates again.

    Example: ambassador-admin certificate restore 3A:0F --issuer people
    """
    admin.confirm(f"Believe certificate {listed(serials)} again?")
    send_each(
        admin,
        serials,
        lambda serial: issuers.restore(issuer, serial),
        lambda serial: f"Certificate {serial} is believed again.",
    )
