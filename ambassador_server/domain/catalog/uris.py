"""URIs of resources: which MCP a URI belongs to, and the URI by which hosts know a resource.

A URI is published as it is where a lookup leads to the MCP that offers it. Otherwise, as where an older MCP offers the
same URI, it is published as `ambassador:MCP:URI`. Nothing is encoded, so that the templates of URIs, and what hosts
expand them to, are mapped in the same way.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

OWN_SCHEME: Final = "ambassador:"
LONGEST_MATCHED: Final = 8192
"""The length in characters beyond which a URI matches no template and leads nowhere, and a template matches no URI."""

_EXPRESSION: Final = re.compile(r"\{([+#./;?&]?)([^{}]*)\}")
# What an expression of RFC 6570 may expand to, by its operator: an optional first character, then any of a class.
_EXPANSIONS: Final = {
    "": ("", "[^/?#]"),
    "+": ("", "."),
    "#": (r"\#", "."),
    ".": (r"\.", "[^/?#]"),
    "/": ("/", "[^?#]"),
    ";": (";", "[^/?#]"),
    "?": (r"\?", "[^#]"),
    "&": ("&", "[^#]"),
}

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:")
# Letters, digits and `- . _ ~` are never encoded in a URI that is normalised.
_AMBIGUOUS: Final = re.compile(r"[\x00-\x20\x7f]|%(?:2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])")
# A program may take a segment to end at `;`, and a text at a zero byte.
_DOT_SEGMENT: Final = re.compile(r"(?:^|[:/\\])\.\.?(?:[/\\?#;]|$)|\x00")
_MOST_DECODINGS: Final = 5
"""How often a URI is decoded to find dot segments; one that is encoded still more often is ambiguous."""


def qualified_uri(mcp_name: str, uri: str) -> str:
    """Return the URI that always leads to this MCP."""
    return f"{OWN_SCHEME}{mcp_name}:{uri}"


def is_qualified(uri: str) -> bool:
    """Tell whether a URI has the scheme of those that name an MCP."""
    return uri.startswith(OWN_SCHEME)


def is_web_address(uri: str) -> bool:
    """Tell whether hosts can open a URI without its MCP."""
    return uri.lower().startswith(("https://", "http://"))


def split_qualified(uri: str) -> tuple[str, str] | None:
    """Return the name of the MCP and its own URI, or None for a URI that does not name an MCP."""
    if not is_qualified(uri):
        return None
    mcp_name, colon, own = uri.removeprefix(OWN_SCHEME).partition(":")
    return (mcp_name, own) if colon and mcp_name else None


def is_unambiguous(uri: str) -> bool:
    """Tell whether a URI cannot be read as another one, by which a pattern of a grant would be evaded.

    It must have no dot segment in its path, however that is encoded, no encoded character that needs no encoding, no
    control character or space, and a scheme in lower case (RFC 3986, section 6.2.2).
    """
    if _AMBIGUOUS.search(uri) is not None or _SCHEME.match(uri) is None:
        return False
    for _ in range(_MOST_DECODINGS):
        if _DOT_SEGMENT.search(uri) is not None:
            return False
        decoded = unquote(uri)
        if decoded == uri:
            return True
        uri = decoded
    return False


def matches_template(template: str, uri: str) -> bool:
    """Tell whether a URI could be an expansion of the template."""
    pattern = _compiled(template)
    return pattern is not None and len(uri) <= LONGEST_MATCHED and pattern.fullmatch(uri) is not None


@lru_cache(maxsize=4096)
def _compiled(template: str) -> re.Pattern[str] | None:
    expressions = list(_EXPRESSION.finditer(template)) if len(template) <= LONGEST_MATCHED else []
    if not expressions:
        return None
    ends = [*(expression.start() for expression in expressions[1:]), len(template)]
    pattern = re.escape(template[: expressions[0].start()])
    for expression, end in zip(expressions, ends, strict=True):
        pattern += _piece(expression[1], template[expression.end() : end], is_last=end == len(template))
    return re.compile(pattern, re.DOTALL)


def _piece(operator: str, literal: str, *, is_last: bool) -> str:
    """Return the pattern of an expression and the text after it.

    An expression ends where its text occurs first: with a choice of places, matching a hostile template could take
    very long.
    """
    first, rest = _EXPANSIONS[operator]
    repeated = f"{rest}*?" if literal and not is_last else f"{rest}*"
    expansion = f"(?:{first}{repeated})?" if first else repeated
    pattern = expansion + re.escape(literal)
    return pattern if is_last else f"(?>{pattern})"
