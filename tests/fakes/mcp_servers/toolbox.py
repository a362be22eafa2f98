"""The tools of the servers for tests, independent of the transport: definitions, answers, the record of calls."""

import argparse
import base64
import json
import os
import subprocess
import sys
from typing import Any

MODERN = "2026-07-28"
LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
META_VERSION = "io.modelcontextprotocol/protocolVersion"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
CHANGED = "notifications/tools/list_changed"

_TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}
_ANY = {"type": "object"}

TOOLS: list[dict[str, Any]] = [
    {
        "name": "echo",
        "description": "Say the text again.",
        "inputSchema": _TEXT,
        "annotations": {"readOnlyHint": True},
        "x-vendor": {"kept": 12345678901234567890123},
    },
    {"name": "params", "description": "Return the params as they came.", "inputSchema": _ANY},
    {"name": "slow", "description": "Answer after some seconds.", "inputSchema": _ANY},
    {
        "name": "hold",
        "description": "Answer in reverse order once `count` calls have come.",
        "inputSchema": _ANY,
    },
    {"name": "fail", "description": "Fail.", "inputSchema": _ANY, "annotations": {"destructiveHint": False}},
    {"name": "refuse", "description": "Answer with a JSON-RPC error.", "inputSchema": _ANY},
    {"name": "big", "description": "Return some megabytes.", "inputSchema": _ANY},
    {"name": "env", "description": "Return the environment.", "inputSchema": _ANY},
    {
        "name": "media",
        "description": "Return a picture, a sound, a file and a link.",
        "inputSchema": {
            "type": "object",
            "properties": {"width": {"type": "integer"}, "format": {"enum": ["png", "jpeg"]}},
            "required": ["width"],
            "additionalProperties": False,
        },
    },
    {"name": "crash", "description": "Exit in the middle of the call.", "inputSchema": _ANY},
    {"name": "hang_up", "description": "Cut the connection instead of an answer.", "inputSchema": _ANY},
    {"name": "spawn", "description": "Start a process that outlives its parent.", "inputSchema": _ANY},
    {"name": "garbage", "description": "Write what is not MCP, then answer.", "inputSchema": _ANY},
    {
        "name": "ask",
        "description": "Ask the caller things no client without capabilities knows.",
        "inputSchema": _ANY,
    },
    {
        "name": "confirm",
        "description": "Ask the user `rounds` times `about` something, then return the answers.",
        "inputSchema": _ANY,
    },
    {
        "name": "process",
        "description": "Return the process id and how many calls it saw.",
        "inputSchema": _ANY,
    },
    {"name": "grow", "description": "Offer one more tool from now on.", "inputSchema": _ANY},
    {
        "name": "progress",
        "description": "Report `steps` steps, wait for `seconds` if told to, answer the token and `padding` letters.",
        "inputSchema": _ANY,
    },
    {"name": "cancelled", "description": "Return how many requests were cancelled.", "inputSchema": _ANY},
    {"name": "later", "description": "Answer with a task that asks once.", "inputSchema": _ANY},
]


def parser(about: str) -> argparse.ArgumentParser:
    """Return the flags every fixture server takes."""
    flags = argparse.ArgumentParser(description=about)
    flags.add_argument("--era", choices=("legacy", "modern", "both", "silent"), default="legacy")
    flags.add_argument("--record", help="append every tools/call to this file before it runs")
    flags.add_argument("--page-size", type=int, default=0)
    flags.add_argument("--offers", default="tools", help="the kinds it offers, separated by commas")
    flags.add_argument("--title", default="fixture", help="what the texts of its resources begin with")
    return flags


class Toolbox:
    """The tools that need no transport, their list, and the record of calls."""

    def __init__(
        self,
        *,
        era: str = "legacy",
        record: str | None = None,
        page_size: int = 0,
        offers: str = "tools",
        title: str = "fixture",
    ) -> None:
        self.era = era
        self.offers = offers.split(",")
        self.title = title
        self.tools = list(TOOLS)
        self.resources = [
            {"uri": f"memo://{number}", "name": f"memo {number}", "mimeType": "text/plain", "x-kept": 10**20}
            for number in range(3)
        ]
        self.templates = [{"uriTemplate": "memo://{number}", "name": "a memo"}]
        self.prompts = [{"name": "greet", "description": "Greet.", "arguments": [{"name": "whom"}]}]
        self.tasks: dict[str, dict[str, Any]] = {}
        self.refused_lists: set[str] = set()
        self.calls = 0
        self.cancelled = 0
        self._page_size = page_size
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if record else None

    def note(self, params: dict[str, Any]) -> None:
        """Count and record a call; the line is written before the tool runs."""
        self.calls += 1
        if self._record is not None:
            os.write(self._record, json.dumps(params).encode() + b"\n")

    def grow(self) -> None:
        """Offer one more tool."""
        self.tools.append({"name": f"extra_{len(self.tools)}", "inputSchema": _ANY})

    def capabilities(self) -> dict[str, Any]:
        """Return the capabilities that it declares."""
        declared: dict[str, Any] = {name: {"listChanged": True} for name in self.offers}
        if "resources" in declared:
            declared["resources"]["subscribe"] = True
        if declared.pop("tasks", None):
            declared["extensions"] = {"io.modelcontextprotocol/tasks": {}}
        return declared

    def page(self, method: str, cursor: str | None) -> dict[str, Any] | None:
        """Return one page of a list; an empty cursor asks for the second page. None for another method."""
        lists: dict[str, tuple[str, list[dict[str, Any]]]] = {
            "tools/list": ("tools", self.tools),
            "resources/list": ("resources", self.resources),
            "resources/templates/list": ("resourceTemplates", self.templates),
            "prompts/list": ("prompts", self.prompts),
        }
        offered = method.partition("/")[0] in self.offers and method not in self.refused_lists
        if method not in lists or not offered:
            return None
        member, items = lists[method]
        size = self._page_size or max(len(items), 1)
        start = {None: 0, "": size}.get(cursor, int(cursor or 0))
        page: dict[str, Any] = {member: items[start : start + size]}
        if start + size < len(items):
            page["nextCursor"] = "" if start == 0 else str(start + size)
        return page

    def serve(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """Return the result of a request for a resource, a prompt or a completion; None for another one."""
        if method == "resources/read" and "resources" in self.offers:
            uri = params["uri"]
            if not uri.startswith("memo://"):
                return None
            if uri == "memo://asks" and self.is_asking(params):
                return confirmed({}, params)
            contents = {"uri": uri, "mimeType": "text/plain", "text": f"{self.title} {uri}", "x-kept": 10**20}
            return {"contents": [contents]}
        if method == "prompts/get" and "prompts" in self.offers and params["name"] == "greet":
            link = {"type": "resource_link", "uri": "memo://2", "name": "memo"}
            whom = (params.get("arguments") or {}).get("whom", "you")
            if whom == "asks" and self.is_asking(params):
                return confirmed({}, params)
            said = {"type": "text", "text": f"Hello {whom}"}
            return {"messages": [{"role": "user", "content": each} for each in (said, link)]}
        if method.startswith("tasks/") and "tasks" in self.offers:
            return self.task(method, params)
        if method == "completion/complete" and "completions" in self.offers:
            return self.completion(params)
        return None

    def completion(self, params: dict[str, Any]) -> dict[str, Any]:
        """Complete a value; in the modern era `asks` is completed with a question, which the protocol forbids."""
        value = params["argument"]["value"]
        if value == "asks" and self.is_asking(params):
            return confirmed({}, params)
        return {"completion": {"values": [json.dumps(params["ref"]), f"{value}!"]}}

    def is_asking(self, params: dict[str, Any]) -> bool:
        """Tell whether the server asks in its result, which it does in the modern era, until it has the answers."""
        return self.era == "modern" and "inputResponses" not in params

    def task(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """Serve a task: it asks, and is completed with the answers."""
        answers = self.tasks.get(params["taskId"])
        if answers is None:
            return None
        if method == "tasks/update":
            answers.update(params.get("inputResponses") or {})
            return {"resultType": "complete"}
        if method == "tasks/cancel":
            del self.tasks[params["taskId"]]
            return {"resultType": "complete"}
        state = {"resultType": "complete", "taskId": params["taskId"], "ttlMs": None, "x-kept": 10**20}
        if not answers:
            return {**state, "status": "input_required", "inputRequests": {"sure": question(1)}}
        link = {"type": "resource_link", "uri": "memo://2", "name": "memo"}
        return {**state, "status": "completed", "result": {"content": [link], "structuredContent": answers}}

    def answer(self, name: str, arguments: dict[str, Any], params: dict[str, Any]) -> dict[str, Any] | None:
        """Return the result of a tool, or None for a tool that the server must run itself."""
        if name == "later" and "tasks" in self.offers:
            self.tasks["task 1"] = {}
            return {"resultType": "task", "taskId": "task 1", "status": "working", "ttlMs": None}
        return self._plain_answer(name, arguments, params)

    def _plain_answer(
        self, name: str, arguments: dict[str, Any], params: dict[str, Any]
    ) -> dict[str, Any] | None:
        match name:
            case "echo":
                return text(arguments.get("text", ""))
            case "params":
                return {**text("see structuredContent"), "structuredContent": params, "x-extra": [1, None]}
            case "fail":
                return {**text("it failed"), "isError": True}
            case "big":
                return text("x" * int(arguments["megabytes"] * 1024 * 1024))
            case "env":
                return {**text("see structuredContent"), "structuredContent": dict(os.environ)}
            case "media" | "spawn":
                return media(arguments) if name == "media" else text(str(spawn()))
            case "cancelled" | "process":
                return text(str(self.cancelled) if name == "cancelled" else f"{os.getpid()} {self.calls}")
            case "crash":
                sys.stderr.write("giving up: out of cheese\n")
                sys.stderr.flush()
                os._exit(int(arguments.get("status", 3)))
            case _:
                return None


def question(number: int, about: str = "it") -> dict[str, Any]:
    """Return an elicitation as a request without its id."""
    schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}}
    params = {
        "mode": "form",
        "message": f"Delete {about} ({number})?",
        "requestedSchema": schema,
        "x-kept": 10**20,
    }
    return {"method": "elicitation/create", "params": params}


def confirmed(arguments: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Return the next question of a stateless server, or the answers so far when there were enough.

    The state holds the answers, as it would on a server that remembers nothing.
    """
    answers = json.loads(params.get("requestState", "[]"))
    answers += [params["inputResponses"]["sure"]] if "inputResponses" in params else []
    if len(answers) == arguments.get("rounds", 1):
        return {**text("confirmed"), "structuredContent": {"answers": answers}}
    return {
        "resultType": "input_required",
        "inputRequests": {"sure": question(len(answers) + 1, arguments.get("about", "it"))},
        "requestState": json.dumps(answers),
    }


def progress_reports(arguments: dict[str, Any], params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the progress of a call in `steps` steps of `size` letters, and reports with tokens of other calls.

    `foreign` are tokens of other calls; a call without a token of its own gets no reports.
    """
    token = params.get("_meta", {}).get("progressToken")
    if token is None:
        return []
    steps, told = arguments.get("steps", 3), "x" * arguments.get("size", 4)
    strange = [{}, {"progressToken": token}, {"progressToken": token, "progress": "half"}, {"progress": 1}]
    strange += [{"progressToken": each, "progress": 1} for each in arguments.get("foreign", [])]
    reports = [
        {"progressToken": token, "progress": n, "total": steps, "message": told, "x-kept": 10**20}
        for n in range(1, steps + 1)
    ]
    return strange + reports


def text(content: str) -> dict[str, Any]:
    """Return a result of one text."""
    return {"content": [{"type": "text", "text": content}]}


def media(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return an image, audio and a binary resource; the image has as many bytes as its width."""
    picture, sound, file = (
        base64.b64encode(each).decode() for each in (b"p" * arguments["width"], b"ding", b"\0\1")
    )
    resource = {"uri": "file:///etc/passwd", "mimeType": "../../bin", "blob": file}
    blocks = [
        {"type": "image", "data": picture, "mimeType": f"image/{arguments.get('format', 'png')}"},
        {"type": "audio", "data": sound, "mimeType": "audio/wav"},
        {"type": "resource", "resource": resource},
        {"type": "resource", "resource": {"uri": "memo://1", "text": "a memo"}},
        {"type": "resource_link", "uri": "memo://2", "name": "memo"},
    ]
    return {"content": blocks}


def spawn() -> int:
    """Start a process in our own group that holds our pipes and would run for minutes."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    process.returncode = 0  # not awaited on purpose
    return process.pid


def handshake(toolbox: Toolbox, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Return the reply members of `initialize` and `server/discover`, or None for other methods."""
    era, capabilities = toolbox.era, toolbox.capabilities()
    if method == "initialize":
        if era == "modern":
            return {"error": {"code": -32022, "message": "modern only", "data": {"supported": [MODERN]}}}
        wanted = params.get("protocolVersion")
        version = wanted if wanted in LEGACY else LEGACY[-1]
        info = {"name": "fixture", "version": "1"}
        return {"result": {"protocolVersion": version, "capabilities": capabilities, "serverInfo": info}}
    if method == "server/discover" and era in ("modern", "both"):
        return {"result": complete({"supportedVersions": [MODERN], "capabilities": capabilities})}
    return None


def complete(result: dict[str, Any]) -> dict[str, Any]:
    """Add the members that a modern result requires."""
    return {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", **result}


def envelope_error(params: dict[str, Any]) -> dict[str, Any] | None:
    """Return the error of a modern request without its envelope."""
    meta = params.get("_meta", {})
    if meta.get(META_VERSION) != MODERN or "io.modelcontextprotocol/clientCapabilities" not in meta:
        return {"code": -32602, "message": "the modern envelope is missing"}
    return None
