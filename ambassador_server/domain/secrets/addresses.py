"""Finds and masks secrets in addresses: userinfo, signed queries, addresses of hooks, and connection strings."""

import re

from ambassador_server.domain.secrets.marks import REDACTED
from ambassador_server.domain.secrets.rules import Shape, contains, mask_after_label, rule

_AUTHORITY_END = re.compile(r"[/?#]")
_LONG_TOKEN = re.compile(r"(?=[A-Za-z_.~-]*[0-9])[A-Za-z0-9_.~-]{16,}")


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
    if colon:
        return f"{user}:{REDACTED}{part[at:]}"
    # Some services take a token in place of the user.
    return f"{REDACTED}{part[at:]}" if at > 0 and _LONG_TOKEN.fullmatch(user) else part


_QUERY_NAME = (
    r"(?i:x-(?:amz|goog|ms|oss)-(?:signature|credential|security-token)|sig|signature|hmac|subscription-key"
    r"|(?:access_?|api_?|app_?|secret_?)?(?:secret|token|password|passwd|pwd))"
)
_LONG_QUERY_NAME = (
    r"(?i:key|api-?key|code|auth|authkey|ticket|assertion|saml(?:request|response)|hdnts|sas|jwt)"
)
_QUERY_START, _QUERY_IS, _QUERY_VALUE = r"(?:[?&;]|%3[Ff]|%26)", r"(?:=|%3[Dd])", r"[^&#;\s\"'<>\\]"

_HOOKS = (
    r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/",
    r"discord(?:app)?\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]+/",
    r"webhook\.office\.com/webhookb2/",
    r"outlook\.office(?:365)?\.com/webhook/",
    r"/bot/v2/hook/",
    r"hooks\.zapier\.com/hooks/catch/",
    r"maker\.ifttt\.com/trigger/[^\s/]{1,128}/(?:json/)?with/key/",
    r"/webhooks/incoming/",
    r"hook\.[a-z0-9]{2,8}\.make\.com/",
    r"/hooks/(?=[A-Za-z0-9]{16})",
    r"/webhook/(?=[A-Za-z0-9-]{20})",
)
_HOOK_END = r"[^\s\"'<>?#\\)&,]+"

ADDRESSES = (
    Shape(
        "user and password in URLs",
        frozenset("@"),
        contains("://"),
        (rule(r"://[^\s\"'<>]+", _mask_userinfo),),
    ),
    Shape(
        "signed queries",
        frozenset("=%"),
        contains("?", "&", "%3f", "%26"),
        (
            rule(rf"(?P<label>{_QUERY_START}{_QUERY_NAME}{_QUERY_IS}){_QUERY_VALUE}+", mask_after_label),
            rule(
                rf"(?P<label>{_QUERY_START}{_LONG_QUERY_NAME}{_QUERY_IS})(?=[^0-9&#;\s]{{0,64}}[0-9]){_QUERY_VALUE}{{16,}}",
                mask_after_label,
            ),
        ),
    ),
    Shape(
        "addresses of hooks",
        frozenset("/"),
        contains("hook", ".ifttt.", "/bot"),
        (
            rule(rf"(?P<label>{'|'.join(_HOOKS)}){_HOOK_END}", mask_after_label),
            rule(r"(?P<label>api\.telegram\.org/(?:file/)?bot)[^\s\"'<>?#\\/]+", mask_after_label),
        ),
    ),
    Shape(
        "connection strings without a scheme",
        frozenset("@"),
        contains("@tcp(", "@unix(", "jdbc:oracle:", "sqlplus"),
        (
            rule(
                r"(?P<label>(?<![A-Za-z0-9_.-])[A-Za-z0-9_.-]{1,64}:)[^\s/]{1,256}(?=@(?:tcp|unix)\()",
                mask_after_label,
            ),
            rule(
                r"(?P<label>(?:jdbc:oracle:[a-z]{1,8}:|sqlplus[ \t]{1,4}(?:-[A-Za-z]{1,8}[ \t]{1,4}){0,4})"
                r"[^\s/@]{1,64}/)"
                r"[^\s@]{1,128}(?=@)",
                mask_after_label,
            ),
        ),
    ),
)
