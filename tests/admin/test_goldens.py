"""The exact output of every command, for people and for programs; the JSON output is a contract.

`UPDATE_GOLDENS=1 pytest tests/admin/test_goldens.py` writes the files again; read the difference before you keep it.
"""

import os
import platform
import shlex
from pathlib import Path

import pytest

from ambassador_admin.cli.app import app
from ambassador_protocol import __version__
from tests.admin.fake_administrators import admin_key
from tests.admin.fake_api import FakeApi
from tests.admin.fake_approvals import add_access_request, add_approval
from tests.admin.fake_issuers import add_issuer
from tests.admin.fake_state import ADMIN_KEY, AT, PASSWORD, credential
from tests.admin.malicious_events import add_hostile_events
from tests.admin.shell import Result, Shell

GOLDENS = Path(__file__).parent / "goldens"

TWICE = '{"name":"git_push","title":"Push","title":"Read"}'
"""A definition with a key given twice."""
CASES = """
cases:
- {user: alice, tool: git.git_log, expect: permit}
- {user: bob, tool: git.git_log, expect: allow}
- {user: bob, tool: git.git_log, expect: deny, reason: no_grant}
"""
KINDS = """
cases:
- {user: alice, resource: "git://readme", expect: permit}
- {user: alice, prompt: git.review, expect: deny}
"""
PEOPLE = """
owner: ci/people
users:
- {name: dave, email: dave@example.com}
groups:
- name: writers
  members: [dave]
"""
COMMANDS = {
    "whoami": ["whoami"],
    "status": ["status"],
    "version": ["version"],
    "server-health": ["server", "health"],
    "server-version": ["server", "version"],
    "server-config": ["server", "config"],
    "config-view": ["config", "view"],
    "config-view-origin": ["config", "view", "--show-origin"],
    "user-create": ["user", "create", "dave", "--display-name", "Dave D.", "--email", "dave@example.com"],
    "user-list": ["user", "list"],
    "user-list-filtered": ["user", "list", "--filter", "group=developers", "--filter", "status!=suspended"],
    "user-list-sorted": ["user", "list", "--sort", "-created_at", "--sort=-name", "--limit", "1"],
    "user-list-misspelt": ["user", "list", "--filter", "statsu=active"],
    "user-list-unsortable": ["user", "list", "--sort", "groop"],
    "user-show": ["user", "show", "alice"],
    "user-create-administrator": ["user", "create", "erin", "--role", "operator", "--source", "local"],
    "user-update": ["user", "update", "alice", "--email", "", "--role", "operator", "--role", "auditor"],
    "user-update-meta-tools": ["user", "update", "alice", "--meta-tools", "on"],
    "user-update-no-roles": ["user", "update", "alice", "--no-roles"],
    "user-reset-password": ["user", "reset-password", "olga", "--password-from", "env://PASSWORD"],
    "user-reset-password-dry-run": ["user", "reset-password", "olga", "--generate", "--dry-run"],
    "user-suspend": ["user", "suspend", "alice"],
    "user-unbind": ["user", "unbind", "alice", "--yes"],
    "user-unbind-unasked": ["user", "unbind", "alice"],
    "user-deactivate": ["user", "deactivate", "alice", "--yes"],
    "user-activate": ["user", "activate", "bob"],
    "group-create": ["group", "create", "writers", "--description", "Those who write"],
    "group-list": ["group", "list"],
    "group-show": ["group", "show", "developers"],
    "group-update": ["group", "update", "developers", "--description", "Ours", "--status", "suspended"],
    "group-delete": ["group", "delete", "developers", "--yes"],
    "group-add-member": ["group", "add-member", "developers", "bob"],
    "group-remove-member": ["group", "remove-member", "developers", "alice"],
    "mcp-add-stdio": [
        "mcp",
        "add",
        "time",
        "--env",
        "TZ=UTC",
        "--tag",
        "demo",
        "--",
        "mcp-server-time",
        "--utc",
    ],
    "mcp-add-http": [
        "mcp",
        "add",
        "wiki",
        "--url",
        "https://wiki/mcp",
        "--header",
        "Authorization=env://WIKI",
    ],
    "mcp-list": ["mcp", "list"],
    "mcp-show": ["mcp", "show", "git"],
    "mcp-add-per-user": ["mcp", "add", "notes", "--isolation", "per-user", "--", "mcp-server-notes"],
    "mcp-update": ["mcp", "update", "git", "--timeout", "30", "--tag", "code", "--owner", "ci/catalog"],
    "mcp-update-command": ["mcp", "update", "git", "--env", "TZ=UTC", "--", "mcp-server-git", "--utc"],
    "mcp-update-dry-run": ["mcp", "update", "git", "--url", "https://git/mcp", "--no-test", "--dry-run"],
    "mcp-add-sandbox": [
        *("mcp", "add", "files", "--option", "cwd=/srv", "--option"),
        *('sandbox={"profile": "strict", "read": ["/srv"]}', "--", "mcp-files"),
    ],
    "mcp-add-option-twice": ["mcp", "add", "files", "--option", "command=sh", "--", "mcp-files"],
    "mcp-update-nothing": ["mcp", "update", "git"],
    "mcp-update-half": ["mcp", "update", "git", "--env", "TZ=UTC"],
    "mcp-restart": ["mcp", "restart", "git"],
    "mcp-restart-draft": ["mcp", "restart", "draft"],
    "mcp-restart-dry-run": ["mcp", "restart", "git", "--dry-run"],
    "mcp-status": ["mcp", "status"],
    "mcp-status-one": ["mcp", "status", "git"],
    "mcp-logs": ["mcp", "logs", "git"],
    "mcp-logs-lines": ["mcp", "logs", "git", "--lines", "1"],
    "mcp-logs-none": ["mcp", "logs", "draft"],
    "mcp-publish": ["mcp", "publish", "draft"],
    "mcp-test": ["mcp", "test", "git"],
    "mcp-archive": ["mcp", "archive", "git", "--yes"],
    "mcp-remove": ["mcp", "remove", "draft", "--yes"],
    "mcp-tools-filtered": ["mcp", "tools", "git", "--filter", "name~git.git_p*"],
    "mcp-tools": ["mcp", "tools", "git"],
    "mcp-tools-changed": ["mcp", "tools", "git", "-o", "wide"],
    "mcp-resources": ["mcp", "resources", "git"],
    "mcp-prompts": ["mcp", "prompts", "git"],
    "mcp-prompts-none": ["mcp", "prompts", "draft"],
    "mcp-tools-diff": ["mcp", "tools", "git", "--diff"],
    "mcp-tools-diff-none": ["mcp", "tools", "draft", "--diff"],
    "mcp-tools-diff-filtered": ["mcp", "tools", "git", "--diff", "--limit", "1"],
    "mcp-approve": ["mcp", "approve", "git", "--yes"],
    "mcp-approve-unconfirmed": ["mcp", "approve", "git"],
    "mcp-approve-strict": ["mcp", "approve", "git", "--strict", "--yes"],
    "mcp-approve-without-findings": ["mcp", "approve", "git", "git_old", "git_new", "--strict"],
    "mcp-approve-some": ["mcp", "approve", "git", "git_push", "git.git_tag", "git_log", "--yes"],
    "mcp-approve-unknown": ["mcp", "approve", "git", "git_pusj"],
    "mcp-approve-nothing": ["mcp", "approve", "draft"],
    "mcp-approve-dry-run": ["mcp", "approve", "git", "--dry-run"],
    "mcp-add-no-prefix": [
        *("mcp", "add", "notes", "--no-prefix", "--sessions", "per-user", "--", "mcp-server-notes")
    ],
    "mcp-update-prefix": ["mcp", "update", "git", "--prefix", "--sessions", "shared"],
    "mcp-transform": [
        *("mcp", "transform", "git", "git_log", "--rename", "history", "--description-suffix", "Of main."),
        *("--fixed", 'branch="main"', "--default", "max_count=50", "--annotation", "readOnlyHint=true"),
        *("--result-bytes", "65536"),
    ],
    "mcp-transform-all": ["mcp", "transform", "git", "*", "--hide", "--timeout", "90"],
    "mcp-transform-show": ["mcp", "transform", "git", "git.git_push"],
    "mcp-transform-list": ["mcp", "transform", "git"],
    "mcp-transform-reset": ["mcp", "transform", "git", "--reset"],
    "mcp-transform-unknown": ["mcp", "transform", "git", "git_lgo"],
    "mcp-transform-new-name": ["mcp", "transform", "git", "history"],
    "mcp-transform-no-key": ["mcp", "transform", "git", "git_log", "--fixed", "brnch="],
    "mcp-transform-dry-run": ["mcp", "transform", "git", "git_log", "--hide", "--dry-run"],
    "mcp-transform-no-tool": ["mcp", "transform", "git", "--hide"],
    "mcp-transform-no-json": ["mcp", "transform", "git", "git_log", "--fixed", "branch=main"],
    "mcp-update-broadcast": ["mcp", "update", "git", "--broadcast", "read-only"],
    "mcp-update-broadcast-unknown": ["mcp", "update", "git", "--broadcast", "reads"],
    "mcp-broadcast": ["mcp", "broadcast", "read-only", "git", "draft"],
    "mcp-broadcast-tag-unknown": ["mcp", "broadcast", "all", "--tag", "logs"],
    "mcp-broadcast-nothing": ["mcp", "broadcast", "all"],
    "mcp-broadcast-unknown": ["mcp", "broadcast", "off", "git", "nowhere"],
    "mcp-broadcast-dry-run": ["mcp", "broadcast", "read-only", "git", "--dry-run"],
    "mcp-update-pin": ["mcp", "update", "git", "--pin", "off"],
    "mcp-update-pin-warn": ["mcp", "update", "git", "--pin", "warn"],
    "mcp-update-connection": [
        *("mcp", "update", "git", "--max-in-flight", "32", "--failures", "2", "--grace", "600"),
    ],
    "mcp-update-in-flight-too-many": ["mcp", "update", "git", "--max-in-flight", "5000"],
    "mcp-update-pin-unknown": ["mcp", "update", "git", "--pin", "warm"],
    "credential-declare": [
        *("credential", "declare", "git", "token", "--header", "Authorization", "--template", "Bearer {}"),
        *(
            "--title",
            "GitHub token",
            "--help-text",
            "Settings, Developer settings",
            "--list-with",
            "env://LIST",
        ),
    ],
    "credential-declare-shared": [
        *("credential", "declare", "draft", "key", "--environment", "API_KEY", "--not-secret", "--optional"),
        *("--from", "hashicorp://secret/team/git#key"),
    ],
    "credential-declare-again": ["credential", "declare", "files", "region", "--query", "zone"],
    "credential-declare-argument": [
        "credential",
        "declare",
        "files",
        "dsn",
        "--argument",
        "--template",
        "--dsn={}",
    ],
    "credential-declare-dry-run": [
        *("credential", "declare", "files", "key", "--header", "X-Key", "--no-test", "--dry-run")
    ],
    "credential-declare-nowhere": ["credential", "declare", "git", "token"],
    "credential-declare-twice": ["credential", "declare", "git", "token", "--header", "A", "--argument"],
    "credential-declare-both": [
        *(
            "credential",
            "declare",
            "git",
            "token",
            "--header",
            "A",
            "--from",
            "env://A",
            "--list-with",
            "env://B",
        )
    ],
    "credential-declare-literal": [
        "credential",
        "declare",
        "git",
        "token",
        "--header",
        "A",
        "--from",
        "hunter2",
    ],
    "credential-declare-misspelt": ["credential", "declare", "gti", "token", "--header", "A"],
    "mcp-publish-credential": ["mcp", "publish", "draft", "--credential", "token=env://PASSWORD"],
    "mcp-publish-credential-dry-run": [
        *("mcp", "publish", "draft", "--credential", "token=env://PASSWORD", "--dry-run")
    ],
    "mcp-publish-credential-literal": ["mcp", "publish", "draft", "--credential", "token=hunter2"],
    "mcp-publish-credential-unset": ["mcp", "publish", "draft", "--credential", "token=env://NO_SUCH"],
    "mcp-publish-credential-two": ["mcp", "publish", "draft", "git", "--credential", "token=env://PASSWORD"],
    "mcp-test-credential": ["mcp", "test", "git", "--credential", "token=env://PASSWORD"],
    "mcp-update-credential-dry-run": [
        *("mcp", "update", "git", "--credential", "token=env://PASSWORD", "--dry-run", "--", "mcp-git"),
    ],
    "credential-oauth": ["credential", "oauth", "git", "--scope", "repo", "--scope", "read:org"],
    "credential-oauth-account": [
        *(
            "credential",
            "oauth",
            "git",
            "--grant",
            "service-account",
            "--client-id",
            "ours",
            "--resource",
            "omit",
        ),
        *("--client-secret", "file:///run/secrets/git", "--issuer", "https://issuer", "--private-addresses"),
    ],
    "credential-oauth-asserted": [
        *("credential", "oauth", "git", "--grant", "identity-assertion", "--provider", "sso"),
        *("--provider-client-id", "ambassador", "--provider-client-secret", "env://SSO_SECRET"),
        *("--issuer", "https://issuer", "--client-id", "ours", "--client-secret", "file:///run/secrets/git"),
        *("--subject-type", "id-token"),
    ],
    "credential-oauth-provider-literal": [
        *("credential", "oauth", "git", "--provider-client-secret", "hunter2"),
    ],
    "credential-oauth-literal": ["credential", "oauth", "git", "--client-secret", "hunter2"],
    "credential-fields": ["credential", "fields", "files"],
    "credential-fields-none": ["credential", "fields", "git"],
    "credential-undeclare": ["credential", "undeclare", "files", "region", "--yes"],
    "credential-undeclare-oauth": ["credential", "undeclare", "files", "oauth", "--yes"],
    "credential-undeclare-unasked": ["credential", "undeclare", "files", "region"],
    "credential-undeclare-misspelt": ["credential", "undeclare", "files", "regoin", "--yes"],
    "grant-add": [
        "grant",
        "add",
        "developers",
        "git",
        "--tool",
        "git_log",
        "--tool",
        "git_d*",
        "--for",
        "2h",
    ],
    "grant-add-until": ["grant", "add", "developers", "git", "--until", "2026-05-05T13:00:00+01:00"],
    "grant-add-until-over": ["grant", "add", "developers", "git", "--until", "2026-05-04T10:00:00Z"],
    "grant-add-until-duration": ["grant", "add", "developers", "git", "--until", "8h"],
    "grant-add-two-ends": [
        *("grant", "add", "developers", "git", "--for", "8h", "--until", "2026-05-05T12:00:00Z")
    ],
    "grant-show-expired": ["grant", "show", "grant-old"],
    "grant-deny": ["grant", "add", "developers", "git", "--tool", "git_push", "--deny"],
    "grant-opt-in": ["grant", "add", "developers", "git", "--opt-in", "--owner", "ci/grants"],
    "grant-add-resources": [
        *("grant", "add", "developers", "git", "--resource", "file:///*", "--resource", "git://a%2fb"),
        *("--prompt", "review"),
    ],
    "grant-add-tools-alone": ["grant", "add", "developers", "git", "--tool", "*", "--prompt", "x*"],
    "grant-add-when": [
        *(
            "grant",
            "add",
            "developers",
            "git",
            "--when",
            "repo=acme/*",
            "--when",
            "repo=other",
            "--when",
            "n?<=3",
        ),
    ],
    "grant-add-when-wrong": ["grant", "add", "developers", "git", "--when", "repo"],
    "grant-add-constraints": [
        *(
            "grant",
            "add",
            "developers",
            "git",
            "--dry-run",
            "--constraints",
            '{"n":{"maximum":3},"force":false}',
        ),
    ],
    "grant-update": ["grant", "update", "grant-1", "--when", "branch=main", "--when", "count=10"],
    "grant-update-of-a-request": ["grant", "update", "grant-own", "--no-constraints"],
    "grant-update-nothing": ["grant", "update", "grant-1"],
    "grant-update-unknown": ["grant", "update", "grant-9", "--no-constraints"],
    "grant-show": ["grant", "show", "grant-1"],
    "access-explain-args": ["access", "explain", "alice", "git.git_log", "--args", '{"repo":"acme/x"}'],
    "access-explain-args-prompt": ["access", "explain", "alice", "--prompt", "git.review", "--args", "{}"],
    "grant-list": ["grant", "list"],
    "grant-remove": ["grant", "remove", "grant-1", "--yes"],
    "key-issue": ["key", "issue", "alice", "--name", "laptop", "--for", "8h"],
    "key-issue-to-command": ["key", "issue", "alice", "--name", "ci", "--to-command", "grep -q amb_pk_"],
    "key-issue-if-missing": ["key", "issue", "alice", "--name", "desktop", "--if-missing"],
    "key-update-meta-tools": ["key", "update", "key-1", "--meta-tools", "off"],
    "key-update-nothing": ["key", "update", "key-1"],
    "key-update-misspelt": ["key", "update", "key-1", "--meta-tools", "yes"],
    "key-suspend": ["key", "suspend", "key-1"],
    "key-activate": ["key", "activate", "key-1"],
    "key-list": ["key", "list"],
    "key-list-user": ["key", "list", "--user", "bob"],
    "key-enrol": ["key", "enrol", "alice", "--name", "desk", "--key-for", "90d"],
    "key-enrol-dry-run": ["key", "enrol", "alice", "--for", "1h", "--dry-run"],
    "user-create-group": ["user", "create", "dave", "--group", "developers", "--group", "empty"],
    "user-create-group-unknown": ["user", "create", "dave", "--group", "nothing"],
    "mcp-add-publish": ["mcp", "add", "time", "--publish", "--grant", "developers", "--", "mcp-server-time"],
    "mcp-add-publish-dry-run": [
        *("mcp", "add", "time", "--publish", "--grant", "developers", "--dry-run", "--", "mcp-server-time")
    ],
    "mcp-add-grant-unknown": ["mcp", "add", "time", "--grant", "nothing", "--", "mcp-server-time"],
    "key-enrol-unknown": ["key", "enrol", "nobody"],
    "enrolment-list": ["enrolment", "list"],
    "enrolment-list-user": ["enrolment", "list", "--user", "bob"],
    "enrolment-cancel": ["enrolment", "cancel", "enrolment-1", "--yes"],
    "enrolment-cancel-dry-run": ["enrolment", "cancel", "enrolment-1", "--dry-run"],
    "enrolment-cancel-unknown": ["enrolment", "cancel", "enrolment-9", "--yes"],
    "errors-list": ["errors", "list"],
    "errors-show": ["errors", "show", "5001"],
    "errors-show-unknown": ["errors", "show", "AMB-9999"],
    "key-rotate": ["key", "rotate", "key-1", "--overlap", "2h"],
    "key-revoke": ["key", "revoke", "key-1", "--yes"],
    "credential-list": ["credential", "list"],
    "credential-list-user": ["credential", "list", "--user", "alice", "--mcp", "git", "--status", "active"],
    "credential-status": ["credential", "status"],
    "credential-revoke": ["credential", "revoke", "--user", "alice", "--yes"],
    "credential-revoke-one": ["credential", "revoke", "--user", "alice", "--mcp", "git", "--yes"],
    "credential-revoke-nothing": ["credential", "revoke", "--yes"],
    "credential-revoke-unasked": ["credential", "revoke", "--mcp", "git"],
    "credential-revoke-unknown": ["credential", "revoke", "--user", "alise", "--yes"],
    "subscription-list": ["subscription", "list"],
    "subscription-set": ["subscription", "set", "key-1", "git", "--tool", "git_log", "--tool", "git_d*"],
    "subscription-set-prompts": ["subscription", "set", "key-1", "git", "--tool", "git_log", "--prompt", "*"],
    "subscription-set-none-but": ["subscription", "set", "key-1", "git", "--none", "--resource", "*"],
    "subscription-set-none": ["subscription", "set", "key-1", "git", "--none"],
    "subscription-set-new": ["subscription", "set", "key-1", "draft"],
    "subscription-remove": ["subscription", "remove", "key-1", "git", "--yes"],
    "admin-key-issue": ["admin-key", "issue", "ci", "--role", "provisioner", "--for", "8h"],
    "admin-key-list": ["admin-key", "list"],
    "admin-key-revoke": ["admin-key", "revoke", "first-admin", "--yes"],
    "session-list": ["session", "list"],
    "session-list-user": ["session", "list", "--user", "bob"],
    "session-revoke": ["session", "revoke", "session-1", "--yes"],
    "limit-set": ["limit", "set", "calm", "--user", "alice", "--calls-per-minute", "60", "--burst", "5"],
    "limit-set-everyone": ["limit", "set", "many", "--everyone", "--in-flight", "20", "--owner", "ci/limits"],
    "limit-set-nothing": ["limit", "set", "calm", "--in-flight", "20"],
    "limit-set-two": ["limit", "set", "calm", "--everyone", "--in-flight", "20", "--calls-per-day", "9"],
    "limit-set-burst": ["limit", "set", "calm", "--everyone", "--in-flight", "20", "--burst", "2"],
    "limit-list": ["limit", "list"],
    "limit-show": ["limit", "show", "fragile"],
    "limit-show-unknown": ["limit", "show", "fragil"],
    "limit-top": ["limit", "top"],
    "approval-list": ["approval", "list"],
    "approval-list-pending": ["approval", "list", "--pending"],
    "approval-show": ["approval", "show", "3f9a"],
    "approval-show-access": ["approval", "show", "5c5c"],
    "approval-approve-access": ["approval", "approve", "5c5c", "--for", "5m", "--reason", "for now"],
    "approval-list-of-access": ["approval", "list", "--filter", "kind=access"],
    "approval-show-unknown": ["approval", "show", "nothing"],
    "approval-approve": ["approval", "approve", "3f9a", "--reason", "checked", "--for", "5m"],
    "approval-approve-again": ["approval", "approve", "77aa"],
    "approval-deny": ["approval", "deny", "3f9a", "--reason", "not on a Friday"],
    "approval-watch-wrong": ["approval", "watch", "--every", "soon"],
    "grant-add-approval": [
        *("grant", "add", "developers", "git", "--tool", "git_push", "--approval"),
        *("--approvers", "developers", "--valid", "5m"),
    ],
    "grant-add-approvers-alone": ["grant", "add", "developers", "git", "--approvers", "developers"],
    "grant-update-approval": ["grant", "update", "grant-1", "--approval"],
    "grant-update-no-approval": ["grant", "update", "grant-1", "--no-approval"],
    "grant-update-both": ["grant", "update", "grant-1", "--approval", "--no-approval"],
    "limit-remove": ["limit", "remove", "fragile", "--yes"],
    "issuer-import": [
        *(
            "issuer",
            "import",
            "{home}/gateway.yaml",
            "--name",
            "sso",
            "--url",
            "https://sso.acme.com",
        ),
        *("--audience", "x", "--owner", "ci/sso"),
    ],
    "issuer-import-faults": [
        *(
            "issuer",
            "import",
            "{home}/bad-gateway.yaml",
            "--name",
            "sso",
            "--url",
            "https://sso.acme.com",
        ),
        *("--audience", "x"),
    ],
    "issuer-import-inexact": [
        *(
            "issuer",
            "import",
            "{home}/inexact-gateway.yaml",
            "--name",
            "sso",
            "--url",
            "https://sso.acme.com",
        ),
        *("--audience", "x"),
    ],
    "issuer-import-nothing": ["issuer", "import", "{home}/gateway.yaml"],
    "issuer-import-missing": ["issuer", "import", "{home}/no-gateway.yaml"],
    "issuer-add": [
        "issuer",
        "add",
        "sso",
        "--url",
        "https://sso.acme.com",
        "--audience",
        "x",
        "--map",
        "a=developers",
    ],
    "issuer-add-preset": [
        "issuer",
        "add",
        "entra",
        "--preset",
        "entra",
        "--url",
        "https://x.com",
        "--audience",
        "x",
    ],
    "issuer-add-secret": [
        "issuer",
        "add",
        "chat",
        "--preset",
        "open-webui",
        "--secret",
        "env://CHAT",
        "--create-users",
    ],
    "issuer-add-introspection": [
        "issuer",
        "add",
        "sso",
        "--url",
        "https://id.acme.io",
        "--audience",
        "mcp",
        "--introspection",
        "--client-id",
        "ambassador",
        "--secret",
        "file:///run/secrets/client",
        "--token-prefix",
        "acme_",
    ],
    "issuer-add-hosts": [
        *(
            "issuer",
            "add",
            "sso",
            "--url",
            "https://id.acme.io",
            "--audience",
            "mcp",
            "--host-client-id",
            "hosts",
        ),
        *("--host-client-secret", "env://HOSTS", "--host-redirect", "https://vscode.dev/redirect"),
        *("--host-scope", "offline_access", "--host-omits-resource"),
    ],
    "issuer-update-no-hosts": ["issuer", "update", "okta", "--host-client-id", ""],
    "issuer-add-no-client": ["issuer", "add", "sso", "--url", "https://x.com", "--introspection"],
    "issuer-add-client-alone": ["issuer", "add", "sso", "--url", "https://x.com", "--client-id", "x"],
    "issuer-add-asked-keys": [
        "issuer",
        "add",
        "sso",
        "--introspection-url",
        "https://x.com",
        "--keys-url",
        "https://x.com",
    ],
    "issuer-add-nothing": ["issuer", "add", "sso"],
    "issuer-add-no-preset": ["issuer", "add", "sso", "--preset", "octa"],
    "issuer-add-bad-map": ["issuer", "add", "sso", "--url", "https://x.com", "--map", "eng"],
    "issuer-add-two-keys": ["issuer", "add", "sso", "--keys-url", "https://x.com", "--secret", "env://X"],
    "issuer-add-authority-without-file": [
        *("issuer", "add", "people", "--preset", "certificates", "--ca-file", "no-such-file"),
        *("--user-claim", "email:{user}@acme.example"),
    ],
    "certificate-revoke": ["certificate", "revoke", "3A:0F", "--issuer", "okta"],
    "certificate-restore": ["certificate", "restore", "3A:0F", "--issuer", "okta", "--yes"],
    "certificate-revoke-unknown": ["certificate", "revoke", "3A:0F", "--issuer", "octa"],
    "certificate-revoke-without-issuer": ["certificate", "revoke", "3A:0F"],
    "issuer-update": [
        *("issuer", "update", "okta", "--audience", "https://mcp.acme.io/mcp", "--no-create-users"),
        *("--map", "eng=developers", "--map", "ops=operators", "--scope", ""),
    ],
    "issuer-update-asked": ["issuer", "update", "okta", "--client-id", "mcp", "--token-prefix", ""],
    "issuer-update-login": ["issuer", "update", "okta", "--login-client-id", "", "--keys-url", ""],
    "issuer-update-nothing": ["issuer", "update", "okta"],
    "issuer-update-two-keys": [
        "issuer",
        "update",
        "okta",
        "--keys-url",
        "https://x.com",
        "--secret",
        "env://X",
    ],
    "issuer-update-keys-of-asked": [
        *("issuer", "update", "okta", "--keys-url", "https://x.com/jwks", "--client-id", "mcp"),
    ],
    "issuer-update-no-secret": ["issuer", "update", "okta", "--secret", "", "--scope", "x"],
    "issuer-update-unknown": ["issuer", "update", "octa", "--scope", "x"],
    "issuer-list": ["issuer", "list"],
    "issuer-show": ["issuer", "show", "okta"],
    "issuer-show-unknown": ["issuer", "show", "octa"],
    "issuer-test": ["issuer", "test", "okta", "--token", "env://GOOD_TOKEN"],
    "issuer-test-refused": ["issuer", "test", "okta", "--token", "env://BAD_TOKEN", "--check"],
    "issuer-test-plain": ["issuer", "test", "okta", "--token", "eyJ.x.y"],
    "issuer-remove": ["issuer", "remove", "okta", "--yes"],
    "kill-everyone": ["kill", "everyone", "--reason", "incident 42", "--yes"],
    "kill-user": [
        "kill",
        "user",
        "alice",
        "--reason",
        "lost laptop",
        "--for",
        "2h",
        "--message",
        "Call 4711.",
    ],
    "kill-group": ["kill", "group", "developers", "--reason", "audit", "--drill"],
    "kill-key": ["kill", "key", "key-1", "--reason", "leaked"],
    "kill-session": ["kill", "session", "session-1", "--reason", "runs wild"],
    "kill-mcp": ["kill", "mcp", "git", "--reason", "leaked token"],
    "kill-tool": ["kill", "tool", "git.git_push", "--reason", "destroys history"],
    "kill-tool-class": ["kill", "tool-class", "destructive", "--reason", "freeze"],
    "kill-list": ["kill", "list"],
    "kill-list-all": ["kill", "list", "--all"],
    "kill-show": ["kill", "show", "switch-1"],
    "kill-lift": ["kill", "lift", "switch-1"],
    "access-explain": ["access", "explain", "alice", "git.git_log"],
    "access-explain-denial": ["access", "explain", "bob", "git.git_log"],
    "access-explain-check": ["access", "explain", "bob", "git.git_log", "--check"],
    "access-explain-resource": ["access", "explain", "alice", "--resource", "git://readme"],
    "access-explain-prompt": ["access", "explain", "bob", "--prompt", "git.review", "--check"],
    "access-explain-two": ["access", "explain", "alice", "git.git_log", "--prompt", "git.review"],
    "access-explain-token": [
        *("access", "explain", "alice", "git.git_log", "--issuer", "okta", "--token", "env://GOOD_TOKEN"),
    ],
    "access-explain-token-refused": [
        *("access", "explain", "alice", "git.git_log", "--issuer", "okta", "--token", "env://BAD_TOKEN"),
    ],
    "access-explain-token-of-another": [
        *("access", "explain", "bob", "git.git_log", "--issuer", "okta", "--token", "env://GOOD_TOKEN"),
    ],
    "access-explain-claimed": [
        *("access", "explain", "alice", "git.git_log", "--issuer", "okta"),
        *("--claimed-group", "eng", "--claimed-group", "ops"),
    ],
    "access-explain-no-issuer": ["access", "explain", "alice", "git.git_log", "--claimed-group", "eng"],
    "access-explain-issuer-and-key": [
        *("access", "explain", "alice", "git.git_log", "--issuer", "okta", "--key", "desktop"),
    ],
    "access-who-can-claims": ["access", "who-can", "git.git_log", "--claims"],
    "access-who-can-claims-expired": ["access", "who-can", "git.git_log", "--claims", "--expired"],
    "access-list-resources": ["access", "list", "alice", "--resources"],
    "access-list-prompts": ["access", "list", "alice", "--prompts"],
    "access-list-both": ["access", "list", "alice", "--prompts", "--resources"],
    "access-list": ["access", "list", "alice"],
    "access-list-none": ["access", "list", "bob"],
    "access-who-can": ["access", "who-can", "git.git_log"],
    "access-who-can-expired": ["access", "who-can", "git.git_log", "--expired"],
    "access-who-can-resource": ["access", "who-can", "--resource", "git://readme"],
    "access-who-can-nothing": ["access", "who-can"],
    "access-test-kinds": ["access", "test", "{home}/kinds.yaml"],
    "access-test": ["access", "test", "{home}/cases.yaml"],
    "export": ["export"],
    "diff": ["diff", "-f", "{home}/people.yaml", "--prune"],
    "apply": ["apply", "-f", "{home}/people.yaml"],
    "apply-faults": ["apply", "-f", "{home}/faults.yaml"],
    "apply-conflict": ["apply", "-f", "{home}/conflict.yaml"],
    "audit-query": ["audit", "query"],
    "audit-query-filtered": [
        "audit",
        "query",
        "--actor",
        "alice",
        "--tool",
        "git.git_push",
        "--outcome",
        "denied",
    ],
    "audit-query-words": ["audit", "query", "user=alice", "decision=deny", "or", "tool~git.git_l*"],
    "audit-query-where": ["audit", "query", "--where", "not (actor=ops or outcome=denied)"],
    "audit-query-misspelt": ["audit", "query", "user=alice", "desicion=deny", "since=1h"],
    "audit-query-unfinished": ["audit", "query", "--where", "user=alice and (decision=deny"],
    "audit-tail": ["audit", "tail", "-n", "2"],
    "audit-show": ["audit", "show", "request-2"],
    "audit-show-event": ["audit", "show", "node-1:1"],
    "audit-show-nothing": ["audit", "show", "request-99"],
    "audit-stats": ["audit", "stats", "--by", "tool"],
    "audit-stats-top": ["audit", "stats", "kind=tool", "--by", "reason", "--top", "1"],
    "audit-stats-misspelt": ["audit", "stats", "--by", "digest"],
    "audit-export": ["audit", "export", "user=alice"],
    "audit-verify": ["audit", "verify", "--from", "2026-05-01"],
    "audit-verify-empty": ["audit", "verify", "--from", "2030-01-01"],
    "audit-verify-no-key": ["audit", "verify", "--offline", "."],
    "audit-verify-nowhere": ["audit", "verify", "--offline", "{home}/nowhere", "--key", "key.pem"],
    "audit-key": ["audit", "key"],
    "audit-fetch": ["audit", "fetch", "{home}/copy"],
    "audit-prune": ["audit", "prune", "--older-than", "90d", "--yes"],
    "audit-prune-index": ["audit", "prune", "--older-than", "90d", "--index-only", "--yes"],
    "audit-prune-unasked": ["audit", "prune", "--older-than", "90d"],
    "audit-prune-dry-run": ["audit", "prune", "--older-than", "90d", "--segments-only", "--dry-run"],
    "help-environment": ["help", "environment"],
    "help-exit-codes": ["help", "exit-codes"],
    "login": ["login", "{server}", "--context", "prod", "--key-from", "env://ADMIN_KEY"],
    "login-user": [
        "login",
        "{server}",
        "--context",
        "prod",
        "--user",
        "alice",
        "--password-from",
        "env://PASSWORD",
    ],
    "change-password": [
        "change-password",
        "--current-from",
        "env://PASSWORD",
        "--password-from",
        "env://ADMIN_KEY",
    ],
    "logout": ["logout", "--context", "known"],
    "completion-install": ["completion", "install", "zsh"],
    "context-list": ["context", "list"],
    "context-use": ["context", "use", "other"],
    "context-remove": ["context", "remove", "other"],
}


GATEWAY = """auth:
  claims: [sub, groups]
  mappings:
    "groups:engineers": ["mcp:read", "mcp:write"]
    "groups:ops team": ["mcp:write"]
  permissions:
    "n8n:get_*": ["mcp:read"]
    "n8n:..%2fset": ["mcp:write"]
    "n8n:get_secret": ["mcp:admin"]
  options: {scope_mode: any, default_scope: null}
proxy:
  servers:
    - name: n8n
"""


@pytest.fixture
def scene(api: FakeApi, shell: Shell) -> Shell:
    """A fake API with some objects, and a shell that has logged in to it."""
    api.add_user("alice", display_name="Alice Ångström", email="alice@example.com", groups=["developers"])
    api.add_user("bob", status="suspended")
    api.add_user("olga", roles=["operator"])
    login = {"kind": "login", "user": "olga", "created_by": "olga", "expires_at": "2026-05-05T01:30:00.000Z"}
    api.admin_keys["first-admin"] = admin_key("first-admin", "admin", "auditor", created_by="server")
    api.admin_keys["login-1"] = admin_key("login-1", "operator", **login)
    api.add_group("developers", "alice")
    api.add_group("empty")
    api.add_mcp("git", ("git_log", "read-only"), ("git_push", "destructive"))
    api.add_mcp("draft", status="draft")
    api.add_definition("git", "git_push", '{"name":"git_push","title":"Push"}', TWICE)
    hidden = {"place": "/description", "cue": "hidden_characters", "excerpt": "a\\u202eb\\x1b[2J"}
    api.add_definition(
        "git",
        "git_tag",
        None,
        '{"name":"git_tag","description":"a\u202eb\u001b[2J"}',
        findings=[hidden],
        findings_left_out=2,
    )
    api.add_definition("git", "git_old", '{"name":"git_old"}', None, renamed_to="git_new")
    api.add_definition("git", "git_new", None, '{"name":"git_new"}', renamed_from="git_old")
    api.output["git"] = [
        {"user": None, "text": "Listening on a pipe"},
        {"user": "alice", "text": "not \x1b[31mMCP\u202e"},
    ]
    api.add_grant("grant-1", group="developers", mcp="git")
    api.add_grant(
        "grant-own", group=None, user="alice", request="request-7", mcp="git", tools=["git.git_log"]
    )
    api.add_grant("grant-old", group="empty", mcp="git", expires_at="2026-05-04T10:00:00.000Z")
    api.add_session("session-1", user="alice")
    api.add_enrolment("enrolment-1", user="alice", name="desk", key_expires_in_seconds=86400)
    api.add_enrolment("enrolment-2", user="bob", name="phone")
    api.add_key("key-1", user="alice", name="desktop")
    api.add_subscription("key-1", "git", "*")
    api.given.append(credential("alice", "git", "token"))
    api.add_limit("fragile", scope="mcp", target="git", measure="in_flight", value=4)
    api.add_limit("everybody", scope="everyone", measure="calls_per_minute", value=120, burst=30)
    add_issuer(api, "okta", subject_claim="uid", user_claims=["sub"], group_map={"eng": "developers"})
    add_approval(api, "3f9a1c0b7d2e", user="alice", capability="git.git_push", approvers="developers")
    add_approval(
        api,
        "77aa00bb11cc",
        user="bob",
        capability="git.git_\x1b[31mlog",
        status="used",
        expires_at=None,
        decided_by="ops",
        decision_reason="fine\x1b[2J",
        content={"arguments": '{"a": "\x1b[2J', "is_cut": True},
    )
    add_access_request(
        api, "5c5c5c5c5c5c", user="bob", capability="nothing.at-all", reason="incident \x1b[31m7"
    )
    api.add_switch("switch-1", scope="tool", target="git.git_push", reason="destroys history")
    api.add_switch(
        "switch-2", scope="mcp", target="draft", reason="over", active=False, lifted_at=AT, lifted_by="ops"
    )
    push = {"kind": "tool", "id": None, "name": "git.git_push"}
    api.add_event("call:tool:outcome", "succeeded")
    api.add_event(
        "call:tool:deny", "denied", reason="kill_switch", resource=push, details={"switch": "switch-1"}
    )
    api.add_event("admin:user:create", "succeeded", actor={"kind": "admin", "id": "a-1", "name": "ops"})
    api.add_finding("main", uncovered=1, torn={"segment": 2, "offset": 900, "size": 17})
    api.add_finding("main-init", "the record was changed: the next one names another digest")
    shell.environ |= {"GOOD_TOKEN": "good", "BAD_TOKEN": "bad"}
    (shell.home / "cases.yaml").write_text(CASES)
    (shell.home / "kinds.yaml").write_text(KINDS)
    (shell.home / "people.yaml").write_text(PEOPLE)
    (shell.home / "gateway.yaml").write_text(GATEWAY)
    (shell.home / "bad-gateway.yaml").write_text(GATEWAY.replace("get_*", "get_?").replace("null", "mcp"))
    (shell.home / "inexact-gateway.yaml").write_text(
        GATEWAY.replace("mcp:admin", "mcp:write")
        .replace('ers": ["mcp:read", "mcp:write"', 'ers": ["mcp:read"')
        .replace("null", "mcp")
    )
    (shell.home / "faults.yaml").write_text(PEOPLE.replace("email", "emial").replace("dave", "da ve"))
    (shell.home / "conflict.yaml").write_text(PEOPLE.replace("dave", "alice"))
    for name in ("other", "known"):
        shell.log_in(name, api.url)
    return shell


@pytest.mark.parametrize("format", ["table", "json"])
@pytest.mark.parametrize("name", COMMANDS)
def test_command_prints_its_golden(scene: Shell, api: FakeApi, name: str, format: str) -> None:
    words = [word.replace("{server}", api.url).replace("{home}", str(scene.home)) for word in COMMANDS[name]]
    if format == "json":
        at = words.index("--") if "--" in words else len(words)
        words[at:at] = ["-o", "json"]
    if name.startswith("credential"):
        _declare_credentials(api)
    if name.startswith(("mcp-transform", "mcp-tools-changed")):
        _transform_tools(api)
    done = scene.run(*words, ADMIN_KEY=ADMIN_KEY, PASSWORD=PASSWORD)
    _compare(f"{name}.{format}.txt", _transcript(words, done, scene, api))


def _transform_tools(api: FakeApi) -> None:
    """Change tools of an MCP; the other scenes have none that are changed."""
    api.mcps["git"]["transforms"] = {
        "git_log": {"name": "history", "fixed_arguments": {"branch": "main"}},
        "git_push": {"hidden": True},
    }
    for tool in api.tools["git"]:
        if tool["own_name"] == "git_log":
            names = {"name": "git.history", "pattern": "git.history", "published_as": "git__history"}
            tool |= {**names, "changed": ["name", "fixed_arguments"]}
        if tool["own_name"] == "git_push":
            tool |= {"published_as": "", "hidden": True, "changed": ["hidden"]}


def _declare_credentials(api: FakeApi) -> None:
    """Add an MCP that needs credentials; the other scenes have none."""
    api.add_mcp("files")
    region = {
        "name": "region",
        "place": "query",
        "target": "region",
        "secret": False,
        "reference": "env://REGION",
    }
    api.mcps["files"]["credentials"] = {
        "fields": [region, {"name": "key", "place": "header", "target": "X-Key", "title": "Key\x1b[2J"}],
        "oauth": {"scopes": ["files:read"]},
    }


@pytest.mark.parametrize("format", ["wide", "yaml", "jsonl", "csv"])
@pytest.mark.parametrize("name", ["user-list", "mcp-show", "audit-query", "kill-list-all"])
def test_other_formats_print_their_goldens(scene: Shell, api: FakeApi, name: str, format: str) -> None:
    words = [*COMMANDS[name], "-o", format]
    _compare(f"{name}.{format}.txt", _transcript(words, scene.run(*words), scene, api))


@pytest.mark.parametrize("format", ["jsonl", "csv", "cef", "ocsf", "original", "secure_gateway"])
def test_export_formats_print_their_goldens(scene: Shell, api: FakeApi, format: str) -> None:
    words = ["audit", "export", "--format", format]
    add_hostile_events(api)
    _compare(f"audit-export-{format}.txt", _transcript(words, scene.run(*words), scene, api))


def test_every_command_has_a_golden() -> None:
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    verbs = {
        f"{noun} {command.name}"
        for noun, group in groups.items()
        if group is not None
        for command in group.registered_commands
    }
    verbs |= {str(command.name) for command in app.registered_commands}
    tried = {" ".join(words[:2]) for words in COMMANDS.values()} | {words[0] for words in COMMANDS.values()}
    assert verbs <= tried


def _transcript(words: list[str], done: Result, shell: Shell, api: FakeApi) -> str:
    text = f"$ ambassador-admin {shlex.join(words)}\n{done.out}--- stderr\n{done.err}--- exit {done.code}\n"
    changing = {
        api.url: "{server}",
        str(shell.home): "{home}",
        f'"{__version__}"': '"{version}"',
        f"VERSION  {__version__}": "VERSION  {version}",
        f"|{__version__}|": "|{version}|",
        platform.python_version(): "{python}",
    }
    for found, shown in changing.items():
        text = text.replace(found, shown)
    return text


def _compare(file: str, found: str) -> None:
    path = GOLDENS / file
    if os.environ.get("UPDATE_GOLDENS"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")
