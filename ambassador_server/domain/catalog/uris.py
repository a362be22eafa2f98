"""URIs of resources: which MCP a URI belongs to, and the URI by which hosts know a resource.

A URI is published as it is where a lookup leads to the MCP that offers it. Otherwise, as where an older MCP offers the
same URI, it is published as `ambassador:MCP:URI`. Nothing is encoded, so that the templates of URIs, and what hosts
expand them to, are mapped in the same way.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

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


def matches_template(template: str, uri: str) -> bool:
    """Tell whether a URI could be an expansion of the template."""
    pattern = _compiled(template)
    return pattern is not None and len(uri) <= LONGEST_MATCHED and pattern.fullmatch(uri) is not None


def first_match(templates: Iterable[str], uri: str) -> str | None:
    """Return the first template that matches a URI."""
    return next((template for template in templates if matches_template(template, uri)), None)


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
