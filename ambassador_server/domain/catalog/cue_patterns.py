"""Patterns of texts that may be meant to steer a model, and the plain form of a text that they are searched in."""

import re
import unicodedata
from typing import Final

HIDDEN: Final = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls besides tab and the ends of lines
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2028\u2029\u2060-\u206f"  # zero width, bidirectional, invisible operators
    "\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e0fff"  # tags, and the variation selectors that can carry bytes
    "\ud800-\udfff"
    "]{1,1000}"
)
"""Characters that a reader does not see but a model reads, or that change the order of what is seen."""

_LOOKALIKE = {
    # Cyrillic and Greek letters that look like Latin ones.
    **dict(
        zip("\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0458\u0501", "aeopcyxisjd", strict=True)
    ),
    **dict(
        zip("\u0410\u0415\u041e\u0420\u0421\u0425\u0406\u0405\u03bf\u03b9\u03b1", "AEOPCXISoia", strict=True)
    ),
}
_TAGS = range(0xE0000, 0xE0080)
_PLAIN: Final[dict[int, str]] = {
    **{ord(char): latin for char, latin in _LOOKALIKE.items()},
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x1D400, 0x1D800)},
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    # What is hidden is read, too.
    **{code: chr(code - 0xE0000) if 0xE0020 <= code < 0xE007F else "" for code in _TAGS},
    **dict.fromkeys([0xAD, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)], ""),
    **dict.fromkeys(range(0x2060, 0x2070), ""),
    ord("\u2019"): "'",
}
_SPACE = re.compile(r"\s+")


def plain_text(text: str) -> str:
    """Return a text as a model may read it: without invisible characters and lookalikes, on one line."""
    return _SPACE.sub(" ", text if text.isascii() else text.translate(_PLAIN))


def _one_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{each})" for each in patterns), re.IGNORECASE)


_MODEL = r"(?:assistant|model|llm|ai|agent|chatbot|claude|gpt|gemini|copilot)s?"
_PERSON = r"(?:user|users|human|humans|person|people|operator|administrator)\b"

INSTRUCTION: Final = _one_of(
    r"\b(?:ignore|disregard|forget|override|bypass)(?: (?:all|any|the|of|your|every|these|those)){0,3}"
    r" (?:previous|prior|above|earlier|preceding|other|existing|system|safety)\b",
    r"\b(?:do not|don't|never|must not|without|avoid)(?: \w{1,20}){0,2} (?:tell|telling|inform|informing|mention|"
    r"mentioning|reveal|revealing|show|showing|alert|alerting|notify|notifying|ask|asking|warn|warning)\b[^.]{0,40}\b"
    + _PERSON,
    r"\b(?:secretly|silently|covertly|behind the scenes)\b",
    r"</? ?(?:important|system|instructions?|secret|hidden|assistant|critical|urgent|admin|prompt)\b[^>]{0,40}>",
    r"\[/?INST\]",
    r"<\|[^|>]{1,40}\|>",
    r"\b(?:before|after|when|whenever|prior to) (?:you )?(?:us(?:e|ing)|call(?:ing)?|invok(?:e|ing)|runn?(?:ing)?) "
    r"(?:this|the|any|other|another|all)\b.{0,80}?\b(?:read|call|run|use|invoke|send|fetch|execute|open|include|pass)\b",
    rf"\b{_MODEL} (?:must|should|shall|has to|have to|needs? to|is required|are required|will always)\b",
    r"\byou (?:must|should|shall|have to|need to|are required to) "
    r"(?:always|first|never|not|also|now|instead|read|send|call)\b",
    r"\balways (?:call|use|run|invoke|include|send|pass|append|prefer)\b",
    r"\byou are (?:now |no longer |an? (?:helpful )?(?:assistant|agent|ai|model))",
    r"\b(?:new|updated|real|actual) (?:system )?(?:instructions?|prompt)\b",
    r"\bsystem prompt\b",
)
"""Texts that speak to a model and not to a reader, or want something kept from the user."""

SECRET: Final = _one_of(
    r"~/\.\w|\.ssh\b|\.aws\b|\.gnupg\b|\.kube\b|\.netrc\b|\.npmrc\b|\.pypirc\b|\.git-credentials\b|(?<!\w)\.env\b",
    r"\bid_(?:rsa|dsa|ecdsa|ed25519)\b|\bauthorized_keys\b|\bknown_hosts\b",
    r"/etc/(?:passwd|shadow|sudoers)|/proc/self|\b(?:mcp|claude_desktop_config)\.json\b",
    r"\b(?:private|ssh|api|access|secret|encryption|signing)[ _-]?keys?\b",
    r"\b(?:bearer|access|session|auth|refresh|api|security)[ _-]tokens?\b",
    r"\bpasswords?\b|\bpassphrases?\b|\bcredentials?\b|\bsecrets?\b|\bcookies?\b",
    r"\benvironment variables?\b|\bprocess\.env\b|\bos\.environ\b",
    r"\b(?:conversation|chat) history\b|\b(?:previous|earlier|all) messages\b",
)
"""Secrets and files that have them, and the conversation itself."""

ENCODED: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{64,}={0,2}")
HTML_COMMENT: Final = re.compile(r"<!--")
URL: Final = re.compile(r"\b(?:https?|wss?|ftp)://[^\s\"'<>]{1,2000}", re.IGNORECASE)
WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]*")
QUOTES: Final = frozenset("`'\"")
