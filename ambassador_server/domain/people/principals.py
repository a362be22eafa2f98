"""Who a request acts for, and where it came from."""

from datetime import datetime

from msgspec import Struct


class TokenLease:
    """Until when the last answer of an issuer about a token is believed; each further answer prolongs it or ends it.

    It is an input of decisions that changes without a new policy, such as the time.
    """

    __slots__ = ("until",)

    def __init__(self, until: datetime) -> None:
        self.until = until


class SubjectToken:
    """An access token as a request has presented it, with which its provider is asked for access to an MCP.

    It lives as long as what goes on for the request; it is never stored, shown or recorded. `digest` tells it from
    others, and `subject` is whom it names.
    """

    __slots__ = ("digest", "subject", "text")

    def __init__(self, text: str, digest: str, subject: str) -> None:
        self.text = text
        self.digest = digest
        self.subject = subject

    def __repr__(self) -> str:
        """Return nothing of the token, so that no record has it."""
        return "SubjectToken()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SubjectToken) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


class PresentedToken(Struct, frozen=True, kw_only=True):
    """What decisions need of an access token of an organisation: its issuer, its end, and the groups that it names.

    The groups are those of the issuer; which groups of this server they mean is looked up at each decision.
    A token that its issuer is asked about has a lease.
    """

    issuer_id: str
    expires_at: datetime
    groups: tuple[str, ...] = ()
    serial: str | None = None
    """The serial number, if it is a certificate."""
    lease: TokenLease | None = None
    assertion_client: str | None = None
    """The client of the issuer, if it is a token of this server that the client got for an identity assertion."""
    subject_token: SubjectToken | None = None
    """The token itself, if there are MCPs to which its issuer grants access."""


class Principal(Struct, frozen=True, kw_only=True):
    """Who a request acts for; decisions use the ids, the names are for the audit.

    With a `token` there is no client key: `key_id` stands for user, issuer and client, `key_name` is the issuer's name.
    """

    user_id: str
    user_name: str
    key_id: str
    key_name: str
    session_id: str | None
    token: PresentedToken | None = None


class Origin(Struct, frozen=True):
    """Where a request came from: its id, and the address of its sender."""

    request_id: str
    address: str
