"""Finds and masks private keys, also those in base64, and JSON Web Tokens."""

import re

from ambassador_server.domain.secrets.marks import REDACTED
from ambassador_server.domain.secrets.rules import KEY, Shape, contains, rule

_SPACE = r"(?: |%20|\+)"
_KIND = rf"[A-Z0-9 +%]{{0,40}}PRIVATE{_SPACE}KEY(?:{_SPACE}BLOCK)?"
# The words "PRIVATE KEY" in base64, wherever they stand in the whole, and the beginning of a key without a header.
_IN_BASE64 = r"UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW"
_WITHOUT_HEADER = r"IBADANBgkqhkiG9w0BAQEFAASC|AgEAMBMGByqGSM49|b3BlbnNzaC1rZXktdjEA"
_BASE64 = r"(?:[A-Za-z0-9+/=_-]|\\?[\r\n]|\\[nr]|(?<=[\r\n])[ \t])*+"


def _mask_jwt(match: re.Match[str]) -> str:
    header, *others = match[0].split(".")
    return REDACTED if len(header) >= 8 and others else match[0]


_LITERALS = contains(*f"{_IN_BASE64}|{_WITHOUT_HEADER}".lower().split("|"))
_SHORTEST = 60


def _may_hold_base64(lowered: str) -> bool:
    return len(lowered) >= _SHORTEST and _LITERALS(lowered)


PRIVATE_KEYS = (
    Shape(
        "private keys",
        frozenset("-"),
        contains("private key", "private%20key", "private+key", "putty-user-key"),
        (
            rule(rf"-----BEGIN{_SPACE}{_KIND}-----(?:[\s\S]*?-----END{_SPACE}{_KIND}-----|[\s\S]*)"),
            rule(r"PuTTY-User-Key-File-[0-9]:[\s\S]*"),
        ),
    ),
    Shape(
        "private keys in base64",
        frozenset("0123456789"),
        _may_hold_base64,
        (
            rule(rf"LS0tLS1CRUdJT[A-Za-z0-9+/_-]{{0,60}}?(?:{_IN_BASE64}){_BASE64}"),
            rule(rf"MI[A-Za-z0-9+/]{{2,8}}(?:{_WITHOUT_HEADER}){_BASE64}|b3BlbnNzaC1rZXktdjEA{_BASE64}"),
        ),
        is_long=True,
    ),
    Shape("JSON Web Tokens", frozenset("."), contains("eyj"), (rule(rf"eyJ{KEY}*(?:\.{KEY}+)*", _mask_jwt),)),
)
