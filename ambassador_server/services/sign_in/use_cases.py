"""How clients and administrators come in: one record for each, because they never use the same listener."""

from dataclasses import dataclass

from ambassador_server.services.sign_in.administrator_proof import AdministratorProver
from ambassador_server.services.sign_in.code_redemption import CodeRedemption
from ambassador_server.services.sign_in.key_proof import KeyProver
from ambassador_server.services.sign_in.logins import Logins
from ambassador_server.services.sign_in.sessions import Sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSignIn:
    """A client exchanges a code for a key, proves the key, and opens a session."""

    codes: CodeRedemption
    keys: KeyProver
    sessions: Sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministratorSignIn:
    """An administrator opens a login, and proves it or an admin key with each request."""

    logins: Logins
    prover: AdministratorProver
