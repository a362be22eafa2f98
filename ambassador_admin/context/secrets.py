"""Reads secrets from a prompt, from stdin, or from `env://NAME` and `file://PATH`."""

from collections.abc import Callable, Mapping
from typing import TextIO

from ambassador_admin.errors import SettingsError, UsageError
from ambassador_protocol.references import SecretReferenceError, parse_reference, resolve_reference

_LONGEST = 4096
_LONGEST_TOKEN = 64 * 1024

CLIENT_KEY_PREFIX = "amb_pk_"
NOT_SHOWN = "(not shown)"
"""What is shown in place of a secret."""


def resolve(value: str, environ: Mapping[str, str]) -> str:
    """Return the first line of a referenced secret, or the value itself if it is no reference; raises SettingsError."""
    if parse_reference(value) is None:
        return value
    try:
        return resolve_reference(value, environ).partition("\n")[0]
    except SecretReferenceError as error:
        raise SettingsError(f"{error}.", hint="use env://NAME or file://PATH") from None


def read_key(
    source: str | None, *, environ: Mapping[str, str], stdin: TextIO, prompt: Callable[[str], str]
) -> str:
    """Return the admin key from `source`: `-` is stdin, None a prompt on a terminal and stdin otherwise."""
    return check_key(_read("--key-from", source, environ, stdin, lambda: prompt("Admin key (amb_ak_…): ")))


def read_password(
    source: str | None,
    user: str,
    *,
    is_new: bool = False,
    environ: Mapping[str, str],
    stdin: TextIO,
    prompt: Callable[[str], str],
) -> str:
    """Return a user's password from `source`, as `read_key` does; prompts twice for a new one."""

    def ask() -> str:
        typed = prompt(f"{'New password' if is_new else 'Password'} of {user}: ")
        if is_new and prompt("Repeat the new password: ") != typed:
            raise SettingsError("The two passwords differ; nothing was changed.", hint="try again")
        return typed

    password = _read("--password-from", source, environ, stdin, ask).rstrip("\r\n")
    if not password:
        raise SettingsError(
            "No password was given.", hint="--password-from env://NAME or file://PATH, or type it in"
        )
    return password


def read_token(
    source: str | None, *, environ: Mapping[str, str], stdin: TextIO, prompt: Callable[[str], str]
) -> str:
    """Return an access token from `source`, as `read_key` does."""
    token = _read("--token", source, environ, stdin, lambda: prompt("Access token: "), _LONGEST_TOKEN).strip()
    if not token:
        raise SettingsError("No token was given.", hint="--token env://NAME or file://PATH, or - for stdin")
    return token


def check_key(text: str) -> str:
    """Return the key without surrounding white space; raises SettingsError if it cannot be an admin key."""
    key = text.strip()
    if key.startswith(CLIENT_KEY_PREFIX):
        raise SettingsError(
            "That is a client key; admin keys start with amb_ak_.",
            hint="ambassador-server prints the first admin key when it is initialised",
        )
    if not key:
        raise SettingsError(
            "No admin key was given.", hint="--key-from env://NAME or file://PATH, or type it in"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(
            "That is not an admin key; admin keys start with amb_ak_ and have no white space."
        )
    return key


def _read(
    option: str,
    source: str | None,
    environ: Mapping[str, str],
    stdin: TextIO,
    ask: Callable[[], str],
    longest: int = _LONGEST,
) -> str:
    if source is None and stdin.isatty():
        return ask()
    if source is None or source == "-":
        return stdin.readline(longest)
    if parse_reference(source) is None:
        raise UsageError(
            f"{option} takes env://NAME, file://PATH or - for stdin, never the secret itself.",
            hint="a secret on the command line is visible to every process of this machine",
        )
    return resolve(source, environ)
