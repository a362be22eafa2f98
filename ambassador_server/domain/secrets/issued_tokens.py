"""The table of tokens that can be recognised by what their issuers let them begin with."""

import re
from typing import NamedTuple

from ambassador_server.domain.secrets.rules import KEY, Shape, contains, rule, word_start


class Issued(NamedTuple):
    """Who issues the tokens, what they begin with, and what follows."""

    issuer: str
    prefix: str
    body: str


_ALNUM = r"[A-Za-z0-9]{16,}"
_BASE64 = r"[A-Za-z0-9+/=]{16,}"
_WIDE = rf"{KEY}{{16,}}"
_HEX = r"[0-9a-f]{32,}"

AFTER_UNDERSCORE = (
    Issued("GitHub", "gh[pousr]_", _BASE64),
    Issued("GitHub, fine-grained", "github_pat_", _WIDE),
    Issued("Stripe and others", "[srp]k_(?:live|test)_", _BASE64),
    Issued("webhook secrets", "whsec_", _BASE64),
    Issued("ElevenLabs", "sk_", r"[0-9a-f]{40,}"),
    Issued("npm", "npm_", _BASE64),
    Issued("Docker Hub", "dckr_[po]at_", _WIDE),
    Issued("Hugging Face", "hf_", _BASE64),
    Issued("Groq", "gsk_", _BASE64),
    Issued("Replicate", "r8_", r"[A-Za-z0-9]{32,}"),
    Issued("LangSmith", "lsv2_(?:pt|sk)_", _WIDE),
    Issued("Shopify", "shp(?:at|ca|pa|ss)_", _BASE64),
    Issued("DigitalOcean", "do[opr]_v1_", _BASE64),
    Issued("Linear", "lin_(?:api|oauth)_", _WIDE),
    Issued("Notion", "ntn_", _WIDE),
    Issued("Figma", "fig[dou]_", _WIDE),
    Issued("Grafana", "gl(?:sa|c)_", _BASE64),
    Issued("Sentry", "sntry[su]_", r"[A-Za-z0-9+/=_-]{16,}"),
    Issued("Supabase", "(?:sbp|sb_secret)_", _BASE64),
    Issued("Netlify", "nfp_", _BASE64),
    Issued("PlanetScale", "pscale_(?:tkn|pw|oauth)_", r"[A-Za-z0-9=._-]{16,}"),
    Issued("RubyGems", "rubygems_", _BASE64),
    Issued("Fly.io", "(?:fm[12]|fo1)_", r"[A-Za-z0-9+/=_-]{32,}"),
    Issued("ReadMe", "rdme_", _BASE64),
    Issued("Typeform", "tfp_", _WIDE),
    Issued("Adafruit", "aio_", r"[A-Za-z0-9]{24,}"),
    Issued("Duffel", "duffel_(?:test|live)_", _WIDE),
    Issued("Prefect", "pn[ub]_", r"[A-Za-z0-9]{32,}"),
    Issued("CircleCI", "CCIPAT_", _WIDE),
    Issued("Resend", "re_[A-Za-z0-9]{8}_", _ALNUM),
)
AFTER_DASH = (
    Issued("GitLab", "gl(?:pat|dt|rt|rtr|cbt|ptt|ft|soat|imt|agent|oas)-", r"[A-Za-z0-9_.-]{16,}"),
    Issued("Google OAuth clients", "GOCSPX-", _WIDE),
    Issued("PyPI", "pypi-", _WIDE),
    Issued("Slack", "(?:xapp|xox[a-z]{1,2})-", _WIDE),
    Issued("xAI", "xai-", _WIDE),
    Issued("age", "AGE-SECRET-KEY-1", r"[A-Z0-9]{16,}"),
    Issued("New Relic", "NR(?:AK|II|JS|RA)-", _WIDE),
    Issued("Postman", "PMAK-", _WIDE),
    Issued("Perplexity", "pplx-", _WIDE),
    Issued("NVIDIA", "nvapi-", _WIDE),
    Issued("Tailscale", "tskey-(?:auth|client|api|webhook|scim)-", _WIDE),
    Issued("Brevo", "(?:xkeysib|xsmtpsib)-", _WIDE),
    Issued("Pulumi, Mailgun, Firecrawl", "(?:pul|key|fc)-", _HEX),
    Issued("Contentful", "CFPAT-", _WIDE),
    Issued("Heroku", "HRKU-", _WIDE),
    Issued("Square", "sq0(?:atp|csp)-", _WIDE),
    Issued("Tavily", "tvly-", _WIDE),
    Issued("Cerebras", "csk-", _WIDE),
    Issued("OpenAI, Anthropic and others", f"sk-{word_start('sk-')}", _WIDE),
)
AFTER_DOT = (
    Issued("Google OAuth", r"ya29\.", _WIDE),
    Issued("HashiCorp Vault", r"hv[sbr]\.", _WIDE),
    Issued("SendGrid", rf"SG\.{KEY}{{16,}}\.", _WIDE),
    Issued("Doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{1,40}\.)?", _WIDE),
    Issued("HCP Terraform", r"\.atlasv1\.", rf"{KEY}{{40,}}"),
    Issued("Airtable", r"pat[A-Za-z0-9]{14}\.", r"[0-9a-f]{32,}"),
    Issued("Discord bots", r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.", rf"{KEY}{{27,}}"),
)
AFTER_A = (
    Issued("Atlassian", "AT(?:ATT|CTT)3", r"[A-Za-z0-9_=-]{16,}"),
    Issued("AWS key ids", f"A{word_start('A')}(?:KIA|SIA|GPA|IDA|ROA|NPA)", r"[A-Z0-9]{12,}"),
    Issued("Google API keys", f"A{word_start('A')}Iza", rf"{KEY}{{30,}}"),
    Issued("Databricks", "(?<=d)api", r"[0-9a-f]{32,}"),
    Issued("Artifactory", "AKCp", r"[A-Za-z0-9]{48,}"),
)
OTHERS = (
    (
        Issued("Telegram bots", r"[0-9]{8,10}:AA", rf"{KEY}{{32,}}"),
        ":",
        re.compile(r":aa[a-z0-9_-]{32}").search,
    ),
    (Issued("Entra ID", r"[A-Za-z0-9_~.-]{3}[78]Q~", r"[A-Za-z0-9_~.-]{31,}"), "~", contains("q~")),
    (Issued("Google refresh tokens", r"1//0", rf"{KEY}{{30,}}"), "/", contains("1//0")),
    (
        Issued(
            "password hashes",
            r"\$(?:1|2[abxy]|5|6|7|y|gy|apr1|argon2(?:id|i|d)|scrypt|pbkdf2[a-z0-9-]*)\$",
            r"[A-Za-z0-9./$=,+_-]{20,}",
        ),
        "$",
        re.compile(r"\$[a-z0-9-]+\$[a-z0-9./$=,+_-]{20}").search,
    ),
)


def _together(name: str, rows: tuple[Issued, ...], needs: str, occurs: str) -> Shape:
    expression = "|".join(f"{row.prefix}{row.body}" for row in rows)
    return Shape(name, frozenset(needs), re.compile(occurs).search, (rule(expression),))


ISSUED = (
    _together("issued tokens with _", AFTER_UNDERSCORE, "_", r"_[a-z0-9+/=.-]{16}"),
    _together("issued tokens with -", AFTER_DASH, "-", r"-[a-z0-9_.-]{16}"),
    _together("issued tokens with .", AFTER_DOT, ".", r"\.[a-z0-9_-]{16}"),
    _together(
        "issued tokens with a",
        AFTER_A,
        "a",
        r"a(?:(?:kia|sia|gpa|ida|roa|npa)[a-z0-9]{12}|iza|tatt3|tctt3|kcp|pi[0-9a-f]{32})",
    ),
    *(
        Shape(row.issuer, frozenset(needs), occurs, (rule(row.prefix + row.body),))
        for row, needs, occurs in OTHERS
    ),
)
