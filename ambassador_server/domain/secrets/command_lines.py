"""The table of commands that take a password in a short flag, in text and as a list of arguments."""

import re
from typing import NamedTuple

from ambassador_server.domain.secrets.rules import Shape, contains, mask_after_label, rule


class Command(NamedTuple):
    """Names of programs, and what stands before the password in their arguments."""

    names: str
    before: str


COMMANDS = (
    Command("mysql[a-z]{0,8}|mariadb(?:-[a-z]{1,8})?|7z[ar]?|rar|unrar", r"-p"),
    Command("sshpass|mongo(?:sh|dump|restore|export|import)?|influx|twine|lftp", r"-p[ \t=]{0,4}"),
    Command(
        r"(?:docker|podman|nerdctl|buildah|skopeo|az|oc|helm(?:[ \t]registry)?)[ \t]login", r"-p[ \t=]{1,4}"
    ),
    Command("(?:redis|valkey)-cli", r"-a[ \t]{1,4}"),
    Command("sqlcmd|bcp|unzip|zip", r"-P[ \t]{0,4}"),
    Command("ldap[a-z]{3,8}", r"-w[ \t]{0,4}"),
    Command(r"smbclient|rpcclient|mount\.cifs", r"-U[ \t]{0,4}[^\s%]{1,64}%"),
    Command("openssl", r"-pass(?:in|out)?[ \t]{1,4}pass:"),
    Command(
        "htpasswd",
        r"-[A-Za-z]{0,6}b[A-Za-z]{0,6}[ \t]{1,4}(?:[^\s]{1,128}[ \t]{1,4}){1,2}(?=[^\s]{1,128}(?:\s|\Z))",
    ),
)
_VALUE = r"(?![$])[\"']?[^\s\"'-][^\s\"']*"

_COMMAND = contains(
    "mysql",
    "mariadb",
    "7z",
    "rar ",
    "sshpass",
    "mongo",
    "influx",
    "twine",
    "lftp",
    " login",
    "-cli",
    "sqlcmd",
    "bcp",
    "zip",
    "ldap",
    "smbclient",
    "rpcclient",
    "cifs",
    "openssl",
    "htpasswd",
    "-u",
)


_SHORT_FLAG = re.compile(r"-(?:(?<=\s-)|(?<=^-))(?:[pawu]|-user|[a-z]{0,6}b)").search


def _may_hold_flag(lowered: str) -> object:
    return _SHORT_FLAG(lowered) and _COMMAND(lowered)


COMMAND_LINES = Shape(
    "passwords in command lines",
    frozenset("-"),
    _may_hold_flag,
    (
        *(
            rule(
                rf"(?P<label>(?<![A-Za-z0-9_.-])(?:{command.names})(?=[ \t])"
                rf"[^\r\n;|&]{{0,256}}?[ \t]{command.before}){_VALUE}",
                mask_after_label,
            )
            for command in COMMANDS
        ),
        rule(
            r"(?P<label>-(?:u(?:(?<=\s-u)|(?<=^-u))|-user(?:(?<=\s--user)|(?<=^--user)))"
            r"[ \t=]{0,4}[\"']?[^\s:\"']{1,128}:)[^\s\"']+",
            mask_after_label,
        ),
    ),
)
