"""Finds and masks secrets in text by their shape.

Every expression takes time linear in the length of any text: after a literal prefix it either fails within a bounded
number of characters or consumes what it has read, and no repetition contains another that could match the same text.
"""

import base64
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from ambassador_server.domain.secrets.card_numbers import DIGIT_RUN, has_digit_run, mask_cards
from ambassador_server.domain.secrets.marks import REDACTED, WITHHELD

_log = logging.getLogger(__name__)

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of secret, and how to find and mask it.

    A lower-case text without any of the characters in `needs` holds none; `occurs` is a closer and slower check of a
    lower-case text, and `rules` replace what they match.
    """

    needs: frozenset[str]
    occurs: Callable[[str], object]
    rules: tuple[Rule, ...]


def _contains(*literals: str) -> Callable[[str], bool]:
    def occurs(lowered: str) -> bool:
        for literal in literals:  # noqa: SIM110 - a generator would cost more than the comparisons
            if literal in lowered:
                return True
        return False

    return occurs


def _mask_all(_: re.Match[str]) -> str:
    return REDACTED


def _mask_after_label(match: re.Match[str]) -> str:
    return f"{match['label']}{REDACTED}"


_KEY = r"[A-Za-z0-9_-]"

_OWN = Shape(frozenset("_"), _contains("amb_"), ((re.compile(rf"amb_(?:pk|st|ak)_{_KEY}{{4,}}"), _mask_all),))

_UNDERSCORED = Shape(
    frozenset("_"),
    re.compile(r"_[a-z0-9+/=]{16}").search,
    (
        (
            re.compile(
                rf"(?:github_pat|dckr_pat|lin_api|ntn)_{_KEY}{{16,}}"
                r"|(?:gh[pousr]|[srp]k_(?:live|test)|whsec|npm|hf|gsk|shpat|dop_v1)_[A-Za-z0-9+/=]{16,}"
            ),
            _mask_all,
        ),
    ),
)

_LONG_AFTER_DASH = re.compile(r"-[a-z0-9_-]{16}").search
_LONG_AFTER_DOT = re.compile(r"\.[a-z0-9_-]{16}").search

_DASHED = Shape(
    frozenset("-"),
    _LONG_AFTER_DASH,
    (
        (
            re.compile(
                rf"(?:glpat|GOCSPX|pypi|xapp|xai|xox[a-z]{{1,2}})-{_KEY}{{16,}}|AGE-SECRET-KEY-1[A-Z0-9]{{16,}}"
            ),
            _mask_all,
        ),
    ),
)

_DOTTED = Shape(
    frozenset("."),
    _LONG_AFTER_DOT,
    ((re.compile(rf"(?:ya29|hvs)\.{_KEY}{{16,}}|SG\.{_KEY}{{16,}}\.{_KEY}{{16,}}"), _mask_all),),
)

_ATLASSIAN = Shape(
    frozenset("3"), _contains("atatt3"), ((re.compile(r"ATATT3[A-Za-z0-9_=-]{16,}"), _mask_all),)
)


def _word_start(prefix: str) -> str:
    """Return an expression that matches if the prefix, which has just been matched, begins a word.

    An escape in JSON text or in a URL, such as `\\n` or `%20`, ends the word before it.
    """
    escapes = (r"\\[nrtbf]", r"\\u[0-9A-Fa-f]{4}", r"%[0-9A-Fa-f]{2}")
    after_escape = "".join(f"|(?<={escape}{prefix})" for escape in escapes)
    return f"(?:(?<![A-Za-z0-9]{prefix}){after_escape})"


_SK = Shape(
    frozenset("-"), _LONG_AFTER_DASH, ((re.compile(rf"sk-{_word_start('sk-')}{_KEY}{{16,}}"), _mask_all),)
)

_CLOUD = Shape(
    frozenset("a"),
    re.compile(r"a(?:kia|sia|gpa|ida|roa|npa)[a-z0-9]{12}|aiza").search,
    (
        (
            re.compile(
                rf"A{_word_start('A')}(?:(?:KIA|SIA|GPA|IDA|ROA|NPA)[A-Z0-9]{{12,}}|Iza{_KEY}{{30,}})"
            ),
            _mask_all,
        ),
    ),
)


def _mask_jwt(match: re.Match[str]) -> str:
    header, *others = match[0].split(".")
    return REDACTED if len(header) >= 8 and others else match[0]


_JWT = Shape(frozenset("."), _contains("eyj"), ((re.compile(rf"eyJ{_KEY}*(?:\.{_KEY}+)*"), _mask_jwt),))

_PEM = Shape(
    frozenset("-"),
    _contains("private key"),
    (
        (
            re.compile(
                r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
                r"(?:[\s\S]*?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|[\s\S]*)"
            ),
            _mask_all,
        ),
    ),
)

_GAP = r"(?:[ \t:=]|%20|\+){1,4}"


def _mask_basic(match: re.Match[str]) -> str:
    encoded = match["value"].translate({ord("-"): "+", ord("_"): "/"})
    decoded = base64.b64decode(encoded[: len(encoded) // 4 * 4])
    # In prose, the word after "basic" is no base64 of a name, a colon and a password.
    return _mask_after_label(match) if b":" in decoded else match[0]


_BEARER = Shape(
    frozenset(" \t:=+"),
    _contains("bearer"),
    ((re.compile(rf"(?P<label>(?i:bearer){_GAP})[A-Za-z0-9._~+/=-]{{8,}}"), _mask_after_label),),
)
_BASIC = Shape(
    frozenset(" \t:=+"),
    _contains("basic"),
    (
        (
            # The value is decoded: without ASCII, ignoring the case would let letters such as the Kelvin sign into it.
            re.compile(rf"(?P<label>(?ai:basic){_GAP})(?P<value>[A-Za-z0-9+/_-]{{4,}})={{0,2}}"),
            _mask_basic,
        ),
    ),
)


def _mask_userinfo(match: re.Match[str]) -> str:
    return "://".join(_mask_authority(part) for part in match[0].split("://"))


def _mask_authority(part: str) -> str:
    authority = _AUTHORITY_END.split(part, maxsplit=1)[0]
    at = authority.rfind("@")
    if at < 0:
        # An unescaped slash in the password ends the authority too early; digits alone are a port.
        _, colon, rest = authority.partition(":")
        if not colon or rest.isdigit() or part.startswith("["):
            return part
        at = part.rfind("@")
    user, colon, _ = part[: max(at, 0)].partition(":")
    return f"{user}:{REDACTED}{part[at:]}" if colon else part


_AUTHORITY_END = re.compile(r"[/?#]")
_USERINFO = Shape(frozenset("@"), _contains("://"), ((re.compile(r"://[^\s\"'<>]+"), _mask_userinfo),))

# The first letter is apart and in both cases, so that the regular expression engine can skip ahead to it.
_NAME = (
    r"[PSTCApstca](?i:"
    r"(?<=p)(?:assw(?:or)?d|assphrase|asscode|wd|rivate[ _.-]?key)"
    r"|(?<=s)(?:ecret(?!ar)|ignature|(?:hared|ession|sh)[ _.-]?key)"
    r"|(?<=t)oken(?!i[sz])"
    r"|(?<=c)redential"
    r"|(?<=a)(?:pi|ccess|ccount|uth)[ _.-]?key"
    r"|(?:(?<=c)ookie|(?<=a)uthorization)(?P<line>))"
)
# A quoted value ends at the same quote, a value in escaped quotes (JSON inside JSON) at the next escaped quote.
_QUOTED = r"\\\"(?:[^\\\"]|\\\\(?:\\[\"\\])?|\\[^\"\\])*|\"(?:[^\"\\]|\\[\s\S])*|\\?'(?:[^'\\]|\\[^'])*"
_QUOTE = re.compile(r"\\?[\"']")
_SCHEME = r"(?i:(?:bearer|basic|token|apikey|digest|negotiate)[ \t]{1,4})?"


def _mask_named(match: re.Match[str]) -> str:
    value = match["value"]
    if match["name"].lower().endswith("tokens") and value.isdigit():
        return match[0]
    quote = _QUOTE.match(value)
    return f"{match['label']}{quote[0] if quote else ''}{REDACTED}"


# A cookie or authorization header's value extends to the end of the line.
_ASSIGNMENT = re.compile(
    rf"(?P<label>(?P<name>{_NAME}[A-Za-z0-9_.-]{{0,32}})(?:\\?[\"'])?[ \t]{{0,4}}(?:=>|:=|={{1,3}}|:|%3D)[ \t]{{0,4}})"
    rf"(?P<value>{_QUOTED}|(?(line)[^\r\n\"'\\]+|{_SCHEME}[^\s\"'&;]+))"
)
_FLAG = re.compile(
    rf"(?P<label>-(?P<name>{_NAME}[A-Za-z0-9-]{{0,32}})[ \t]{{1,4}})(?P<value>{_QUOTED}|[^\s\"']+)",
)
_NAMED = Shape(
    frozenset("=:-%"),
    _contains("pass", "pwd", "secret", "token", "credential", "cookie", "signature", "key", "authoriz"),
    ((_ASSIGNMENT, _mask_named), (_FLAG, _mask_named)),
)

_USER_FLAG = Shape(
    frozenset("-"),
    _contains("-u"),
    (
        (
            re.compile(
                r"(?P<label>-(?:u(?:(?<=\s-u)|(?<=^-u))|-user(?:(?<=\s--user)|(?<=^--user)))"
                r"[ \t=]{0,4}[\"']?[^\s:\"']{1,128}:)[^\s\"']+"
            ),
            _mask_after_label,
        ),
    ),
)

_CARDS = Shape(frozenset("0123456789"), has_digit_run, ((DIGIT_RUN, mask_cards),))

_SHAPES = (
    _PEM,
    _OWN,
    _UNDERSCORED,
    _DASHED,
    _DOTTED,
    _ATLASSIAN,
    _SK,
    _CLOUD,
    _JWT,
    _BEARER,
    _BASIC,
    _USERINFO,
    _NAMED,
    _USER_FLAG,
    _CARDS,
)


def possible_shapes(texts: Iterable[str]) -> list[Shape]:
    """Return the shapes that may occur in the texts; for most texts there is none, which saves the expensive search."""
    lowered = "\n".join(texts).lower()
    return [shape for shape in _shapes_needing(_NEEDED & frozenset(lowered)) if shape.occurs(lowered)]


_NEEDED = frozenset().union(*(shape.needs for shape in _SHAPES))


@lru_cache(maxsize=1024)
def _shapes_needing(present: frozenset[str]) -> tuple[Shape, ...]:
    # The same few combinations of characters come with every call.
    return tuple(shape for shape in _SHAPES if not shape.needs.isdisjoint(present))


# UUIDs and digests are no secrets, but their digits can happen to be a valid card number.
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}")


def mask_shapes(text: str, shapes: Iterable[Shape]) -> str:
    """Return the text with every secret of these shapes replaced, or a mark if the text cannot be searched."""
    if _IDENTIFIER.fullmatch(text) is not None:
        return text
    try:
        for shape in shapes:
            for pattern, mask in shape.rules:
                text = pattern.sub(mask, text)
    except Exception as error:
        # A record without this text is better than no record, and better than a call that fails for its text.
        log_withheld(error)
        return WITHHELD
    return text


def log_withheld(error: Exception) -> None:
    """Log that something could not be searched for secrets; the log gets the place of the error and no content."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f" at {place.tb_frame.f_code.co_name}:{place.tb_lineno}"
    _log.error(
        "A text could not be redacted and is withheld from the audit: %s%s", type(error).__name__, where
    )


def mask_own_keys(text: str) -> str:
    """Return the text without keys and tokens of this product; other secrets stay."""
    return mask_shapes(text, (_OWN,)) if "amb_" in text else text


def mask_text(text: str) -> str:
    """Return the text with every secret in it replaced, or a mark if the text cannot be searched."""
    try:
        return mask_shapes(text, possible_shapes((text,)))
    except Exception as error:
        log_withheld(error)
        return WITHHELD
