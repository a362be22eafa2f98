"""What gives a secret away: the name it goes by, and the shape it has.

Every expression runs in time linear to the text, whatever the text is. Once past a literal prefix it either fails
within a bounded number of characters or consumes all it has looked at; no part repeats a repetition that could be
divided in two ways.
"""

import base64
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

REDACTED = "[redacted]"

_LONGEST_CACHED_NAME = 64
_LONGEST_NAME = 1024

# Looked for in names without case and separators; the exceptions are common words that contain a secret one.
_SECRET_NAME = re.compile(
    r"passw(?:or)?d|passphrase|passcode|pwd|secret(?!ar)|token(?!i[sz])|authoriz|cookie|credential|bearer|jwt"
    r"|(?:api|access|private|secret|account|auth|shared|signing|encryption|master|session|ssh|deploy|service)key"
    r"|authheader|onetimecode|cvv2?$|cvc2?$"
)
_LAST_WORDS = frozenset({"auth", "pass", "otp", "totp", "pin"})
_LAST_OPTION_WORDS = _LAST_WORDS | {"key", "keys", "sig", "signature", "code", "dsn"}
_WORD = re.compile(r"[A-Z]*[a-z0-9]+|[A-Z]+")


def is_secret_name(name: str) -> bool:
    """Tell whether a value of this name is a secret; case and separators do not matter."""
    return _judge_cached(name) if len(name) <= _LONGEST_CACHED_NAME else _judge(name)


def is_secret_option(name: str) -> bool:
    """Judge the name of an environment variable, header or query parameter, where any key is a secret."""
    return is_secret_name(name) or _last_word(name) in _LAST_OPTION_WORDS


def _judge(name: str) -> bool:
    if len(name) > _LONGEST_NAME:
        return True
    folded = unicodedata.normalize("NFKC", name).lower()
    joined = "".join(filter(str.isalnum, folded))
    return _SECRET_NAME.search(joined) is not None or _last_word(name) in _LAST_WORDS


_judge_cached = lru_cache(maxsize=4096)(_judge)


def _last_word(name: str) -> str:
    words = _WORD.findall(name[-_LONGEST_NAME:])
    return words[-1].lower() if words else ""


Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of secret: text in lower case without any of `needs` holds none; `occurs` looks closer, rules mask."""

    needs: frozenset[str]
    occurs: Callable[[str], object]
    rules: tuple[Rule, ...]


def _contains(*literals: str) -> Callable[[str], bool]:
    def occurs(lowered: str) -> bool:
        for literal in literals:  # noqa: SIM110 - a generator would cost more than all it asks
            if literal in lowered:
                return True
        return False

    return occurs


def _whole(_: re.Match[str]) -> str:
    return REDACTED


def _behind_label(match: re.Match[str]) -> str:
    return f"{match['label']}{REDACTED}"


_KEY = r"[A-Za-z0-9_-]"

_OWN = Shape(frozenset("_"), _contains("amb_"), ((re.compile(rf"amb_(?:pk|st|ak)_{_KEY}{{4,}}"), _whole),))

_UNDERSCORED = Shape(
    frozenset("_"),
    re.compile(r"_[a-z0-9+/=]{16}").search,
    (
        (
            re.compile(
                rf"(?:github_pat|dckr_pat|lin_api|ntn)_{_KEY}{{16,}}"
                r"|(?:gh[pousr]|[srp]k_(?:live|test)|whsec|npm|hf|gsk|shpat|dop_v1)_[A-Za-z0-9+/=]{16,}"
            ),
            _whole,
        ),
    ),
)

_LONG_BEHIND_DASH = re.compile(r"-[a-z0-9_-]{16}").search
_LONG_BEHIND_DOT = re.compile(r"\.[a-z0-9_-]{16}").search

_DASHED = Shape(
    frozenset("-"),
    _LONG_BEHIND_DASH,
    (
        (
            re.compile(
                rf"(?:glpat|GOCSPX|pypi|xapp|xai|xox[a-z]{{1,2}})-{_KEY}{{16,}}|AGE-SECRET-KEY-1[A-Z0-9]{{16,}}"
            ),
            _whole,
        ),
    ),
)

_DOTTED = Shape(
    frozenset("."),
    _LONG_BEHIND_DOT,
    ((re.compile(rf"(?:ya29|hvs)\.{_KEY}{{16,}}|SG\.{_KEY}{{16,}}\.{_KEY}{{16,}}"), _whole),),
)

_ATLASSIAN = Shape(frozenset("3"), _contains("atatt3"), ((re.compile(r"ATATT3[A-Za-z0-9_=-]{16,}"), _whole),))


def _edge_before(prefix: str) -> str:
    """Return an expression for: no word runs into this prefix, which has just been matched.

    What is written as an escape, inside JSON text or a URL, ends a word as well.
    """
    escapes = (r"\\[nrtbf]", r"\\u[0-9A-Fa-f]{4}", r"%[0-9A-Fa-f]{2}")
    behind_escape = "".join(f"|(?<={escape}{prefix})" for escape in escapes)
    return f"(?:(?<![A-Za-z0-9]{prefix}){behind_escape})"


_SK = Shape(
    frozenset("-"), _LONG_BEHIND_DASH, ((re.compile(rf"sk-{_edge_before('sk-')}{_KEY}{{16,}}"), _whole),)
)

_CLOUD = Shape(
    frozenset("a"),
    re.compile(r"a(?:kia|sia|gpa|ida|roa|npa)[a-z0-9]{12}|aiza").search,
    (
        (
            re.compile(
                rf"A{_edge_before('A')}(?:(?:KIA|SIA|GPA|IDA|ROA|NPA)[A-Z0-9]{{12,}}|Iza{_KEY}{{30,}})"
            ),
            _whole,
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
            _whole,
        ),
    ),
)

_GAP = r"(?:[ \t:=]|%20|\+){1,4}"


def _mask_basic(match: re.Match[str]) -> str:
    encoded = match["value"].translate({ord("-"): "+", ord("_"): "/"})
    decoded = base64.b64decode(encoded[: len(encoded) // 4 * 4])
    # What follows "basic" in prose is no base64 of a name, a colon and a password.
    return _behind_label(match) if b":" in decoded else match[0]


_BEARER = Shape(
    frozenset(" \t:=+"),
    _contains("bearer"),
    ((re.compile(rf"(?P<label>bearer{_GAP})[A-Za-z0-9._~+/=-]{{8,}}", re.IGNORECASE), _behind_label),),
)
_BASIC = Shape(
    frozenset(" \t:=+"),
    _contains("basic"),
    (
        (
            re.compile(rf"(?P<label>basic{_GAP})(?P<value>[A-Za-z0-9+/_-]{{4,}})={{0,2}}", re.IGNORECASE),
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
        # A password with a raw slash ends the authority too early; a port is all digits.
        _, colon, rest = authority.partition(":")
        if not colon or rest.isdigit() or part.startswith("["):
            return part
        at = part.rfind("@")
    user, colon, _ = part[: max(at, 0)].partition(":")
    return f"{user}:{REDACTED}{part[at:]}" if colon else part


_AUTHORITY_END = re.compile(r"[/?#]")
_USERINFO = Shape(frozenset("@"), _contains("://"), ((re.compile(r"://[^\s\"'<>]+"), _mask_userinfo),))

# The first letter stands apart and in both cases, because that is what lets the search skip ahead.
_NAME = (
    r"[PSTCApstca](?i:"
    r"(?<=p)(?:assw(?:or)?d|assphrase|asscode|wd|rivate[ _.-]?key)"
    r"|(?<=s)(?:ecret(?!ar)|ignature|(?:hared|ession|sh)[ _.-]?key)"
    r"|(?<=t)oken(?!i[sz])"
    r"|(?<=c)redential"
    r"|(?<=a)(?:pi|ccess|ccount|uth)[ _.-]?key"
    r"|(?:(?<=c)ookie|(?<=a)uthorization)(?P<line>))"
)
# A value in quotes ends at the same quote, one in escaped quotes (JSON inside JSON) at the next escaped quote.
_QUOTED = r"\\\"(?:[^\\\"]|\\\\(?:\\[\"\\])?|\\[^\"\\])*|\"(?:[^\"\\]|\\[\s\S])*|\\?'(?:[^'\\]|\\[^'])*"
_QUOTE = re.compile(r"\\?[\"']")
_SCHEME = r"(?i:(?:bearer|basic|token|apikey|digest|negotiate)[ \t]{1,4})?"


def _mask_named(match: re.Match[str]) -> str:
    value = match["value"]
    if match["name"].lower().endswith("tokens") and value.isdigit():
        return match[0]
    quote = _QUOTE.match(value)
    return f"{match['label']}{quote[0] if quote else ''}{REDACTED}"


# The value of a whole header line goes on to the end of the line.
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
            _behind_label,
        ),
    ),
)

_DIGIT_RUN = r"[0-9](?:(?:[ +-]|%20)?[0-9]){12,}"
_FIND_DIGIT_RUN = re.compile(_DIGIT_RUN).search
# An escape just before the number ends in digits that are none of it.
_ESCAPE_AND_DIGIT_RUN = re.compile(rf"(?:%[0-9A-Fa-f]{{2}})?{_DIGIT_RUN}")
_DIGIT_GROUP = re.compile(r"%[0-9A-Fa-f]{2}|(?P<digits>[0-9]+)")
_CARD = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"
    r"|(?:5[1-5]|2[2-7]|6[0-9]|35)[0-9]{14}"
    r"|3[47][0-9]{13}"
    r"|3[0689][0-9]{12}"
)
_SHORTEST_CARD = 13
_MOST_CARD_GROUPS = 6


def is_card_number(digits: str) -> bool:
    """Tell whether the digits are what an issuer of payment cards could have given out."""
    if _CARD.fullmatch(digits) is None:
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _mask_cards(match: re.Match[str]) -> str:
    run = match[0]
    groups = [group for group in _DIGIT_GROUP.finditer(run) if group["digits"]]
    kept: list[str] = []
    done = first = 0
    while first < len(groups):
        last = _card_end(groups, first)
        if last is not None:
            kept += [run[done : groups[first].start()], REDACTED]
            done = groups[last].end()
            first = last
        first += 1
    return "".join([*kept, run[done:]])


def _card_end(groups: list[re.Match[str]], first: int) -> int | None:
    digits = ""
    for index in range(first, min(first + _MOST_CARD_GROUPS, len(groups))):
        digits += groups[index][0]
        if len(digits) >= _SHORTEST_CARD and is_card_number(digits):
            return index
    return None


_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))


def _has_digit_run(lowered: str) -> object:
    # Counting all digits is much faster than searching, and most texts do not have that many.
    digits = lowered.encode("ascii", "ignore").translate(None, _NO_DIGITS)
    return len(digits) >= _SHORTEST_CARD and _FIND_DIGIT_RUN(lowered)


_CARDS = Shape(frozenset("0123456789"), _has_digit_run, ((_ESCAPE_AND_DIGIT_RUN, _mask_cards),))

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
    """Return the shapes that can occur in the texts at all; most often none, and then nothing else need be done."""
    lowered = "\n".join(texts).lower()
    present = frozenset(lowered)
    return [shape for shape in _SHAPES if not shape.needs.isdisjoint(present) and shape.occurs(lowered)]


# Ids and digests are no secrets, and now and then their digits happen to be those of a payment card.
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}")


def mask_shapes(text: str, shapes: Iterable[Shape]) -> str:
    """Return the text with every secret of these shapes replaced."""
    if _IDENTIFIER.fullmatch(text) is not None:
        return text
    for shape in shapes:
        for pattern, mask in shape.rules:
            text = pattern.sub(mask, text)
    return text


def mask_own_keys(text: str) -> str:
    """Return the text without keys and tokens of this product; other secrets stay."""
    return mask_shapes(text, (_OWN,)) if "amb_" in text else text


def mask_text(text: str) -> str:
    """Return the text with every secret in it replaced."""
    return mask_shapes(text, possible_shapes((text,)))
