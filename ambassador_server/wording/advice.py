"""What a person can do about an error."""

from collections.abc import Mapping

from ambassador_server.domain.people.administrators import Role
from ambassador_server.errors import Advice, AmbassadorError

_ADVICE: Mapping[Advice, str] = {
    Advice.ALLOW_UNMATCHED: "For tools that do not exist yet: --allow-unmatched, or allow_unmatched in a request.",
    Advice.ASK_ADMINISTRATOR: "Ask your administrator.",
    Advice.ADD_KEY: "Use your key as well: ambassador-client login URL --cert FILE --key-from SOURCE",
    Advice.ASK_FOR_CERTIFICATE: "Ask your administrator for a certificate that this server accepts.",
    Advice.ASK_FOR_KEY: "Ask your administrator for a key or a code, and log in with it.",
    Advice.ASK_FOR_ROLE: "The role {roles} has it; ambassador-admin whoami shows yours.",
    Advice.ASK_ANOTHER_ADMINISTRATOR: "Let another administrator do it.",
    Advice.APPOINT_ADMINISTRATOR: (
        "Give another user the role admin and a password, or issue an admin key with it, first."
    ),
    Advice.CANCEL_REQUEST: "Cancel one that you need no longer: ambassador-client request cancel ID",
    Advice.CHECK_CODE: "Type it again, or ask your administrator for a new one.",
    Advice.CONNECT_AGAIN: "Run: ambassador-client connect {mcp}",
    Advice.GIVE_ALL_OPTIONS: "Give every option again, secrets as env://NAME or file:///PATH.",
    Advice.GIVE_ROLE: "ambassador-admin user update {user} --role ROLE",
    Advice.LIFT_SWITCH: "Find it with 'ambassador-admin kill list', and lift it first: ambassador-admin kill lift ID",
    Advice.LIST_GRANTED_MCPS: "Run: ambassador-client catalog list",
    Advice.LIST_REQUESTS: "List them with 'ambassador-admin approval list' or 'ambassador-client request list'.",
    Advice.LOG_OUT: "ambassador-admin logout",
    Advice.NAME_ROLE: f"One or more of {', '.join(Role)}.",
    Advice.NEEDS_NO_CREDENTIAL: "It can be called without one.",
    Advice.NOTHING_TO_DO: "There is nothing to remove.",
    Advice.READ_AGAIN: "Read it again, then decide again.",
    Advice.REMOVE_GRANT: "Name another group first, or remove it: ambassador-admin grant remove {grant}",
    Advice.REMOVE_LIMIT: "Remove it first: ambassador-admin limit remove {limit}",
    Advice.REVOKE_ADMIN_KEY: "ambassador-admin admin-key revoke NAME ends it",
    Advice.REVOKE_CREDENTIALS: "Revoke them first: ambassador-admin credential revoke --mcp {mcp}",
    Advice.SET_PUBLIC_URL: "An administrator sets public_url in the configuration of the server.",
    Advice.TRY_AGAIN_IN_A_MINUTE: "try again in a minute",
    Advice.TRY_AGAIN_LATER: "Try again in {seconds} s.",
    Advice.USE_NEW_KEY: "Use the new key; if you have lost it, ask your administrator.",
}


def hint_text(error: AmbassadorError) -> str | None:
    """Return what the person who sees the error can do about it, if anything is known."""
    return error.hint if error.advice is None else _ADVICE[error.advice].format(**error.parameters)
