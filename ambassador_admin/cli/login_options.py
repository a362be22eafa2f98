"""The options of `login`: an admin key, a user with a password, or the account of the organisation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ambassador_admin.api import account, server
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.context.secrets import check_key, read_key, read_password
from ambassador_admin.context.store import Context
from ambassador_admin.errors import BadAnswerError, UsageError
from ambassador_admin.output import Item
from ambassador_client.account.client_certificate import CertificatePlace


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """The credentials for a login."""

    key_from: Annotated[
        str | None,
        typer.Option(
            "--key-from",
            metavar="SOURCE",
            help="The admin key: env://NAME, file://PATH or - for stdin; else a prompt.",
        ),
    ] = None
    user: Annotated[
        str | None,
        typer.Option(
            "--user", metavar="NAME", help="Log in with this user's password instead of an admin key."
        ),
    ] = None
    password_from: Annotated[
        str | None,
        typer.Option(
            "--password-from",
            metavar="SOURCE",
            help="The password: env://NAME, file://PATH or - for stdin; else a prompt.",
        ),
    ] = None

    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace the context even if it is of another server, user or key."),
    ] = False

    sso: Annotated[
        bool, typer.Option("--sso", help="Sign in with the account of your organisation, in the browser.")
    ] = False
    issuer: Annotated[
        str | None,
        typer.Option("--issuer", metavar="NAME", help="Who signs you in with --sso, if there are several."),
    ] = None
    device: Annotated[
        bool, typer.Option("--device", help="With --sso: enter a code in a browser on any machine.")
    ] = False

    cert: Annotated[
        str | None,
        typer.Option(
            "--cert",
            metavar="FILE",
            help="Your client certificate, PEM; without a key it stands alone. An empty FILE forgets a saved one.",
        ),
    ] = None
    cert_key: Annotated[
        str | None,
        typer.Option("--cert-key", metavar="FILE", help="Its private key, if that is in another file."),
    ] = None
    cert_passphrase_from: Annotated[
        str | None,
        typer.Option(
            "--cert-passphrase-from",
            metavar="SOURCE",
            help="The passphrase of that key: env://NAME or file://PATH, read at each use.",
        ),
    ] = None

    @property
    def certificate(self) -> CertificatePlace | None:
        """Return where the client certificate is; None without one."""
        if not self.cert:
            return None
        return CertificatePlace.of(self.cert, self.cert_key, self.cert_passphrase_from)

    def certificate_to_keep(self, known: Context | None) -> CertificatePlace | None:
        """Return the certificate of this login, else that of the known context, unless it is to be forgotten."""
        kept = None if known is None or self.replace or self.cert == "" else known.certificate
        return self.certificate or kept

    @property
    def is_certificate_alone(self) -> bool:
        """Tell whether the certificate stands alone, so that no key is asked for."""
        return bool(self.cert) and self.user is None and self.key_from is None and not self.sso

    @property
    def opens_login(self) -> str | None:
        """Return the words for a login that the server would open; None with an admin key."""
        if self.sso:
            return "sign in with the account of your organisation"
        return None if self.user is None else f"log in as {self.user}"

    def check(self) -> None:
        """Raise UsageError for options that exclude or need each other."""
        others = {"--user": self.user, "--key-from": self.key_from, "--password-from": self.password_from}
        other = next((option for option, value in others.items() if value is not None), None)
        if self.sso and other is not None:
            raise UsageError(f"{other} and --sso exclude each other.")
        if not self.sso and (self.issuer is not None or self.device):
            raise UsageError("--issuer and --device go with --sso.")
        if not self.cert and (self.cert_key is not None or self.cert_passphrase_from is not None):
            raise UsageError("--cert-key and --cert-passphrase-from go with --cert.")
        if self.user is None and self.password_from is not None:
            raise UsageError("--password-from goes with --user.")
        if self.user is not None and self.key_from is not None:
            raise UsageError("--key-from and --user exclude each other.")

    def obtain_key(
        self, admin: Invocation, address: str, ca_file: Path | None, certificate: CertificatePlace | None
    ) -> tuple[str | None, Item]:
        """Return a valid admin key and its `whoami` answer; with a password or --sso, the key of a new login.

        The key is None where the certificate stands alone.
        """
        environment = admin.environment
        if self.is_certificate_alone:
            connected = admin.connect(address, ca_file=ca_file, certificate=certificate)
            return None, connected.fetch(server.whoami())
        if self.sso:
            return _opened(self._sign_in(admin, address, ca_file, certificate))
        if self.user is None:
            key = read_key(
                self.key_from,
                environ=environment.variables,
                stdin=environment.stdin,
                prompt=admin.terminal.read_secret,
            )
            connected = admin.connect(address, ca_file=ca_file, key=lambda: key, certificate=certificate)
            return key, connected.fetch(server.whoami())
        password = read_password(
            self.password_from,
            self.user,
            environ=environment.variables,
            stdin=environment.stdin,
            prompt=admin.terminal.read_secret,
        )
        return _opened(
            admin.connect(address, ca_file=ca_file, certificate=certificate).fetch_without_key(
                account.login(self.user, password)
            )
        )

    def _sign_in(
        self, admin: Invocation, address: str, ca_file: Path | None, certificate: CertificatePlace | None
    ) -> Item:
        """Sign the user in and return the answer of the server, which has opened a login."""
        # Imported here: other commands need no listener and no browser.
        from ambassador_client.account.sign_in import choose_issuer, sign_in

        api = admin.connect(address, ca_file=ca_file, certificate=certificate)
        issuer = choose_issuer(api.fetch_without_key(account.sign_in_places()), self.issuer, address)
        variables = admin.environment.variables
        proof = sign_in(issuer, admin.output.say_always, variables, device=self.device)
        return api.fetch_without_key(account.sign_in(proof.token, proof.nonce))


def _opened(answer: Item) -> tuple[str, Item]:
    secret, who = answer.get("admin_key"), answer.get("who")
    if not isinstance(secret, str) or not isinstance(who, dict):
        raise BadAnswerError("The server opened a login, but did not return its key.")
    return check_key(secret), who
