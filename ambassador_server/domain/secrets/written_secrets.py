"""Finds and masks secrets that text names: assignments, headers, flags, and statements of several languages."""

import base64
import re
from functools import lru_cache

from ambassador_server.domain.secrets.marks import REDACTED
from ambassador_server.domain.secrets.rules import Shape, contains, mask_after_label, rule

# The first letter is apart and in both cases, so that the regular expression engine can skip ahead to it.
_NAME = (
    r"[PSTCAEMDpstcaemd](?i:"
    r"(?<=p)(?:assw(?:or)?d|assphrase|asscode|wd|rivate[ _.-]?key|sk(?=[ \t]?[=:]))"
    r"|(?<=s)(?:ecret(?!ar)|ignature|(?:hared|ession|sh|igning|ervice|ubscription)[ _.-]?(?:access[ _.-]?)?key)"
    r"|(?:(?<=e)ncryption|(?<=m)aster|(?<=d)eploy)[ _.-]?key"
    r"|(?<=t)oken(?!i[sz])"
    r"|(?<=c)redential"
    r"|(?<=a)(?:pi|ccess|ccount|uth)[ _.-]?key"
    r"|(?:(?<=c)ookie|(?<=a)uthorization)(?P<line>))"
)
_PLAIN_NAME = _NAME.replace("(?P<line>)", "")
# Several shapes ask this of one text after the other.
_NAMES_IN_LOWER_CASE = lru_cache(maxsize=1)(
    contains("pass", "pwd", "secret", "token", "credential", "cookie", "signature", "key", "authoriz", "psk")
)
# A quoted value ends at the same quote, a value in escaped quotes (JSON inside JSON) at the next escaped quote.
_QUOTED = (
    r"\"\"\"[\s\S]*?(?:\"\"\"|\Z)|'''[\s\S]*?(?:'''|\Z)"
    r"|\\\"(?:[^\\\"]|\\\\(?:\\[\"\\])?|\\[^\"\\])*|\"(?:[^\"\\]|\\[\s\S])*|\\?'(?:[^'\\]|\\[^'])*"
)
_BRACED = r"\{(?:[^{}\s]|\}\}){1,256}\}"
_BLOCK = r"[|>][+-]?[0-9]?[ \t]*(?:\r?\n[ \t]+[^\r\n]*)+"
_QUOTE = re.compile(r"\\?(?:\"\"\"|'''|[\"'])")
_SCHEME = r"(?i:(?:bearer|basic|token|apikey|digest|negotiate)[ \t]{1,4})?"
_SIGN = r"(?:=>|->|:=|={1,3}|:|%3[Dd])"
_UNQUOTED = r"[^\s\"'&;]+"


def _mask_named(match: re.Match[str]) -> str:
    value = match["value"]
    if match["name"].lower().endswith("tokens") and value.rstrip(",.)}]").isdigit():
        return match[0]
    quote = _QUOTE.match(value)
    return f"{match['label']}{quote[0] if quote else ''}{REDACTED}"


# A cookie or authorization header's value extends to the end of the line.
_ASSIGNMENT = rule(
    rf"(?P<label>(?P<name>{_NAME}[A-Za-z0-9_.-]{{0,32}})(?:\\?[\"'])?\]?[ \t]{{0,4}}{_SIGN}[ \t]{{0,4}}"
    r"(?:\r?\n[ \t]{1,32}(?=\\?[\"']|[^\s:]{1,256}[ \t]*(?:[\r\n]|\Z)))?(?:[NnLbruf](?=\\?[\"']))?)"
    rf"(?P<value>{_QUOTED}|{_BLOCK}|(?(line)[^\r\n\"'\\]+|(?:{_BRACED}|{_SCHEME}{_UNQUOTED})))",
    _mask_named,
)
_FLAG = rule(
    rf"(?P<label>-(?P<name>{_NAME}[A-Za-z0-9-]{{0,32}})[ \t]{{1,4}})(?P<value>{_QUOTED}|[^\s\"']+)",
    _mask_named,
)
# In configuration files, a passphrase of several words needs no quotes.
_WHOLE_LINE = rule(
    r"(?m)(?P<label>^[ \t]*[A-Za-z0-9_.-]{0,64}(?:(?i:passw(?:or)?d|passphrase)[ \t]*(?::[ \t]+|[ \t]=[ \t]+)"
    r"|(?i:pass)[ \t]*=[ \t]*))"
    r"(?P<value>[^\s\"'|>{\[&*!][^\r\n]*)",
    mask_after_label,
)
# Variables in capitals end with a word that alone would be too common.
_VARIABLE = rule(
    r"(?P<label>_(?:(?<!PRIMARY_)(?<!FOREIGN_)(?<!PUBLIC_)(?<!SORT_)(?<!PARTITION_)(?<!CACHE_)(?<!UNIQUE_)KEY"
    r"|PASS|PW|AUTH|PAT|SALT|OTP|PIN|DSN|CREDS|JWT|SIG|(?<=_)pass|(?<=_)auth)[ \t]?(?:=|:[ \t])[ \t]?)"
    rf"(?P<value>{_QUOTED}|[^\s\"'&;]{{4,}})",
    lambda match: f"{match['label']}{quote[0] if (quote := _QUOTE.match(match['value'])) else ''}{REDACTED}",
)
_MEMBER = rule(
    r"(?P<label>(?P<quote>\\?[\"'])(?i:pass|auth|pw|otp|pin|psk|_auth|identitytoken)(?P=quote)"
    r"[ \t]{0,4}:[ \t]{0,4}\\?[\"'])"
    r"(?P<value>[^\"'\\\r\n]+)",
    mask_after_label,
)
SHORT_NAMES = Shape(
    "values with short names",
    frozenset("_\"'"),
    re.compile(
        r"_(?:key|pass|pw|auth|pat|salt|otp|pin|dsn|creds|jwt|sig)[ \"']?[:=]"
        r"|\"(?:pass|auth|pw|otp|pin|psk|_auth|identity)|'(?:pass|auth|pw|otp|pin|psk|_auth|identity)"
    ).search,
    (_VARIABLE, _MEMBER),
)

_SPACES = r"(?:\s|\\[nrt])"
_SQL_VALUE = r"(?P<quote>[NnEe]?(?:'|\\?\"))(?:(?<=')(?:[^'\\]|''|\\[^'])*+|(?<=\")(?:[^\"\\]|\\[^\"])*+)"


def _mask_quoted(match: re.Match[str]) -> str:
    return f"{match['label']}{match['quote']}{REDACTED}"


def _names_a_secret(lowered: str) -> bool:
    return _NAMES_IN_LOWER_CASE(lowered) or "identified" in lowered or "securestring" in lowered


def _mask_mixed(match: re.Match[str]) -> str:
    value = match["value"]
    is_mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return mask_after_label(match) if is_mixed else match[0]


NAMED = Shape(
    "named values",
    frozenset("=:-%'\"<"),
    _names_a_secret,
    (
        _WHOLE_LINE,
        rule(
            rf"(?P<label>(?i:identified){_SPACES}{{1,8}}(?:(?i:with|via){_SPACES}{{1,8}}[\w\"'`]{{1,64}}{_SPACES}{{1,8}})?"
            rf"(?i:by|as|using){_SPACES}{{1,8}}(?:(?i:password|values){_SPACES}{{0,8}})?){_SQL_VALUE}",
            _mask_quoted,
        ),
        rule(
            rf"(?P<label>(?i:passw(?:or)?d|passphrase)(?:{_SPACES}{{0,8}}[(=]{_SPACES}{{0,8}}|{_SPACES}{{1,8}}))"
            rf"{_SQL_VALUE}",
            _mask_quoted,
        ),
        rule(
            rf"(?P<label>(?i:convertto-securestring){_SPACES}{{1,8}}(?:-(?i:string){_SPACES}{{1,8}})?){_SQL_VALUE}",
            _mask_quoted,
        ),
        rule(
            rf"(?P<label><(?:[A-Za-z0-9_.-]{{1,64}}:)?[A-Za-z0-9_.-]{{0,64}}?{_PLAIN_NAME}[A-Za-z0-9_.-]{{0,32}}"
            r"(?:[ \t][^<>]{0,128})?>)[^<]+",
            mask_after_label,
        ),
        rule(
            rf"(?P<label>(?:name|key)=\\?[\"'][A-Za-z0-9_.:-]{{0,64}}?{_PLAIN_NAME}[A-Za-z0-9_.-]{{0,32}}\\?[\"']"
            r"(?:[ \t]{1,4}value=\\?[\"']|(?:\r?\n|\\r\\n|\\n){2}))[^\"'\r\n\\<]+",
            mask_after_label,
        ),
        # Pairs of a name and a value in code.
        rule(
            rf"(?P<label>[\"'][A-Za-z0-9_.-]{{0,32}}?{_PLAIN_NAME}[A-Za-z0-9_.-]{{0,32}}\\?[\"']"
            r"[ \t]{0,4},[ \t]{0,4}\\?[\"'])"
            r"(?P<value>[^\"'\\\r\n]{8,})",
            _mask_mixed,
        ),
        _ASSIGNMENT,
        _FLAG,
    ),
)

_GAP = r"(?:[ \t:=]|%20|\+){1,4}"


def _mask_basic(match: re.Match[str]) -> str:
    encoded = match["value"].translate({ord("-"): "+", ord("_"): "/"})
    decoded = base64.b64decode(encoded[: len(encoded) // 4 * 4])
    # In prose, the word after "basic" is no base64 of a name, a colon and a password.
    return mask_after_label(match) if b":" in decoded else match[0]


_LONG_VALUE = re.compile(r"[a-z0-9/+=_.~-]{20}").search


_PASSWORDS = contains("passw", "passphrase", "pwd")


def _may_hold_long_value(lowered: str) -> object:
    return _NAMES_IN_LOWER_CASE(lowered) and (_PASSWORDS(lowered) or _LONG_VALUE(lowered))


AFTER_A_WORD = Shape(
    "secrets after a word",
    frozenset(" \t:=+%"),
    contains("bearer", "basic", "machine", "identified", "default login"),
    (
        rule(rf"(?P<label>(?i:bearer){_GAP})[A-Za-z0-9._~+/=-]{{8,}}", mask_after_label),
        # The value is decoded: without ASCII, ignoring the case would let letters such as the Kelvin sign into it.
        rule(rf"(?P<label>(?ai:basic){_GAP})(?P<value>[A-Za-z0-9+/_-]{{4,}})={{0,2}}", _mask_basic),
        rule(
            rf"(?P<label>(?i:create|alter){_SPACES}{{1,8}}(?i:user|role){_SPACES}{{1,8}}[^\s;]{{1,128}}{_SPACES}{{1,8}}"
            rf"(?i:identified){_SPACES}{{1,8}}(?i:by){_SPACES}{{1,8}})[^\s;'\"]+",
            mask_after_label,
        ),
        rule(
            rf"(?P<label>(?:machine{_SPACES}{{1,8}}[^\s\\]{{1,255}}|default){_SPACES}{{1,8}}login{_SPACES}{{1,8}}"
            rf"[^\s\\]{{1,255}}{_SPACES}{{1,8}}(?:account{_SPACES}{{1,8}}[^\s\\]{{1,255}}{_SPACES}{{1,8}})?"
            rf"password{_SPACES}{{1,8}})[^\s\"'\\]+",
            mask_after_label,
        ),
    ),
)
AFTER_A_NAME = Shape(
    "long values after a name",
    frozenset("0123456789"),
    _may_hold_long_value,
    (
        rule(
            rf"(?P<label>{_PLAIN_NAME}[A-Za-z0-9_.-]{{0,32}}[ \t]{{1,4}}(?:is[ \t])?)"
            r"(?P<value>[A-Za-z0-9/+=_.~-]{20,})",
            _mask_mixed,
        ),
        rule(
            r"(?P<label>(?i:passw(?:or)?d|passphrase|pwd)(?:[ \t]{1,4}(?:is|to))?[ \t:]{1,4})"
            r"(?P<value>[A-Za-z0-9/+=_.~!#%*-]{8,})",
            _mask_mixed,
        ),
    ),
    is_long=True,
)
