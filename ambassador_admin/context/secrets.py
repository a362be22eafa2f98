"""Reads secrets from where they may come from: a prompt, stdin, `env://NAME` or `file://PATH`."""

from collections.abc import Callable, Mapping
from typing import TextIO

from ambassador_admin.errors import SettingsError, UsageError
from ambassador_protocol.references import SecretReferenceError, parse_reference, resolve_reference

_LONGEST = 4096

CLIENT_KEY_PREFIX = "amb_pk_"


def resolve(value: str, environ: Mapping[str, str]) -> str:
    """Return the first line of what a reference stands for, or the value itself."""
    if parse_reference(value) is None:
        return value
    try:
        return resolve_reference(value, environ).partition("\n")[0]
    except SecretReferenceError as error:
        raise SettingsError(f"{error}.", hint="name another place: env://NAME or file://PATH") from None


def read_key(
    source: str | None, *, environ: Mapping[str, str], stdin: TextIO, prompt: Callable[[str], str]
) -> str:
    """Return the admin key from `source`: None means a prompt on a terminal and stdin otherwise, `-` means stdin."""
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
    """Return a user's password from `source`, as `read_key` does; a new one is asked for twice at a prompt."""

    def ask() -> str:
        typed = prompt(f"{'New password' if is_new else 'Password'} of {user}: ")
        if is_new and prompt("The same again: ") != typed:
            raise SettingsError("The two are not the same; nothing was changed.", hint="try again")
        return typed

    password = _read("--password-from", source, environ, stdin, ask).rstrip("\r\n")
    if not password:
        raise SettingsError(
            "No password was given.", hint="--password-from env://NAME or file://PATH, or type it in"
        )
    return password


def check_key(text: str) -> str:
    """Return the key without the white space around it, or raise SettingsError for what can be no admin key."""
    key = text.strip()
    if key.startswith(CLIENT_KEY_PREFIX):
        raise SettingsError(
            "That is a client key; administrators have keys that start with amb_ak_.",
            hint="ambassador-server prints the first admin key when it is initialised",
        )
    if not key:
        raise SettingsError(
            "No admin key was given.", hint="--key-from env://NAME or file://PATH, or type it in"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError("That is no admin key: they start with amb_ak_ and hold no white space.")
    return key


def _read(
    option: str,
    source: str | None,
    environ: Mapping[str, str],
    stdin: TextIO,
    ask: Callable[[], str],
) -> str:
    if source is None and stdin.isatty():
        return ask()
    if source is None or source == "-":
        return stdin.readline(_LONGEST)
    if parse_reference(source) is None:
        raise UsageError(
            f"{option} takes env://NAME, file://PATH or - for stdin, never the secret itself.",
            hint="a secret on the command line is visible to every process of this machine",
        )
    return resolve(source, environ)
