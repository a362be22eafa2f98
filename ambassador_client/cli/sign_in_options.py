"""The options of `login` for the account of the organisation, and the request that exchanges it for a key."""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from ambassador_client.account.settings import Settings, refuse_other_kind
from ambassador_client.cli.command import Run
from ambassador_client.errors import BadAnswerError, UsageError
from ambassador_protocol.paths import SIGN_IN

_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInOptions:
    """Whether and how the user signs in with the organisation's account."""

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
    machine: Annotated[
        str | None,
        typer.Option(
            "--machine", metavar="NAME", help="With --sso: the name in the key. Default: the host's."
        ),
    ] = None

    def check(self, *, code: str | None, key_from: str | None) -> None:
        """Raise UsageError for options that exclude or need each other, and SettingsError for a code that is none."""
        given = [
            option
            for option, value in (("--sso", self.sso), ("--code", code), ("--key-from", key_from))
            if value
        ]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} cannot be used together", "")
        if code is not None:
            refuse_other_kind(code, "--code")
        needs = {"--issuer": self.issuer, "--device": self.device, "--machine": self.machine}
        lonely = next((option for option, value in needs.items() if value), None)
        if lonely is not None and not self.sso:
            raise UsageError(f"{lonely} goes with --sso", "Run: ambassador-client login --help")

    def exchange(self, run: Run, settings: Settings) -> Mapping[str, Any]:
        """Sign the user in and return the server's answer, which has the key of this machine."""
        # Imported here: httpx is slow to import.
        from ambassador_client.account.sign_in import choose_issuer, sign_in

        server = run.connect(settings, None)
        issuer = choose_issuer(server.request("GET", SIGN_IN), self.issuer, settings.server_url)
        proof = sign_in(issuer, run.say_whole, os.environ, device=self.device)
        body = {"id_token": proof.token, "nonce": proof.nonce, "machine": self.machine or machine_name()}
        answer = server.request("POST", SIGN_IN, body)
        if not isinstance(answer.get("preshared_key"), str):
            raise BadAnswerError(
                "the server sent no key", "Check that client and server have the same version."
            )
        return answer


def machine_name() -> str:
    """Return the name of this machine with characters that the name of a key may have."""
    letters = re.sub(r"[^A-Za-z0-9.-]+", "-", socket.gethostname()).strip(".-")
    return letters[:_LONGEST_NAME] or "machine"
