"""The downstreams port in memory: answers are scripted by MCP name, delays are events, failures are errors."""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ambassador_server.definition_digest import definition_digest
from ambassador_server.domain.catalog.mcps import (
    DownstreamActivity,
    DownstreamState,
    DownstreamStatus,
    Mcp,
    OutputLine,
    SandboxOffer,
    Tool,
    classify_tool,
)
from ambassador_server.domain.catalog.offers import (
    DownstreamFeatures,
    ListedResource,
    Prompt,
    ResourceTemplate,
)
from ambassador_server.downstream.programs.settings import referenced_files
from ambassador_server.errors import (
    AmbassadorError,
    DownstreamTimeoutError,
    DownstreamUnavailableError,
    InvalidInputError,
)
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.downstream import DownstreamChange, DownstreamListener, ResourceListener
from ambassador_server.ports.exchange import NeutralRequest, Notice, Question, Reply

Handler = Callable[[str, dict[str, Any]], Reply | Awaitable[Reply]]
"""Takes the method and the params, returns the reply or raises."""

_STOPPED = DownstreamState(status=DownstreamStatus.STOPPED, error=None, tools=())


def make_tool(name: str, *, description: str = "", **annotations: bool) -> Tool:
    """Return a tool as a downstream would describe it; annotations by their names in the protocol."""
    definition = {
        "name": name,
        "description": description,
        "inputSchema": {"type": "object"},
        **({"annotations": annotations} if annotations else {}),
    }
    encoded = json.dumps(definition).encode()
    return Tool(
        name=name,
        description=description,
        tool_class=classify_tool(annotations),
        definition=encoded,
        digest=definition_digest(encoded),
    )


def make_resource(uri: str, *, name: str = "", description: str = "", **members: Any) -> ListedResource:
    """Return a resource as a downstream would describe it."""
    definition = {"uri": uri, "name": name or uri, "description": description, **members}
    return ListedResource(
        uri=uri,
        name=name or uri,
        description=description,
        mime_type=str(members.get("mimeType", "")),
        definition=json.dumps(definition).encode(),
    )


def make_template(uri_template: str, *, name: str = "", description: str = "") -> ResourceTemplate:
    """Return a template of resources as a downstream would describe it."""
    definition = {"uriTemplate": uri_template, "name": name or uri_template, "description": description}
    return ResourceTemplate(
        uri_template=uri_template,
        name=name or uri_template,
        description=description,
        mime_type="",
        definition=json.dumps(definition).encode(),
    )


def make_prompt(name: str, *, description: str = "", **members: Any) -> Prompt:
    """Return a prompt as a downstream would describe it."""
    definition = {"name": name, "description": description, **members}
    return Prompt(name=name, description=description, definition=json.dumps(definition).encode())


def text_reply(text: str, *, is_error: bool = False) -> Reply:
    """Return the reply of a tool with this text."""
    result: dict[str, Any] = {"content": [{"type": "text", "text": text}]}
    if is_error:
        result["isError"] = True
    return Reply(result=json.dumps(result).encode(), error=None)


def error_reply(code: int, message: str) -> Reply:
    """Return a JSON-RPC error."""
    return Reply(result=None, error=json.dumps({"code": code, "message": message}).encode())


def _echo(_: str, params: dict[str, Any]) -> Reply:
    return text_reply(json.dumps(params.get("arguments", {})))


@dataclass(kw_only=True)
class Script:
    """The behaviour of one MCP. `gate` holds every call until it is set; `error` is raised by every call and probe.

    `progress` and `logs` are the params it reports of every call, and `questions` what it asks of its host, before it
    waits.
    Without `features` it has those that its lists need. `check` raises for a credential that it refuses.
    """

    tools: tuple[Tool, ...] = ()
    resources: tuple[ListedResource, ...] = ()
    templates: tuple[ResourceTemplate, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    features: DownstreamFeatures | None = None
    handler: Handler = _echo
    gate: asyncio.Event | None = None
    error: AmbassadorError | None = None
    progress: tuple[bytes, ...] = ()
    logs: tuple[bytes, ...] = ()
    questions: tuple[Question, ...] = ()
    check: Callable[[Credential | None], None] = lambda _: None

    def lists(self) -> dict[str, Any]:
        """Return what it offers, by the members of a state."""
        has_resources = bool(self.resources or self.templates)
        features = DownstreamFeatures(tools=True, resources=has_resources, prompts=bool(self.prompts))
        return {
            "tools": self.tools,
            "resources": self.resources,
            "templates": self.templates,
            "prompts": self.prompts,
            "features": self.features or features,
        }


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was received."""

    mcp_name: str
    method: str
    params: bytes
    user_id: str
    credential: Credential | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """One listener to a resource."""

    mcp_id: str
    uri: str
    user_id: str
    listener: ResourceListener


@dataclass
class FakeDownstreams:
    """Implements `ports.downstream.Downstreams`."""

    listeners: list[DownstreamListener] = field(default_factory=list)
    scripts: dict[str, Script] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    cancelled: list[Call] = field(default_factory=list)
    answers: list[Reply] = field(default_factory=list)
    probed: list[str] = field(default_factory=list)
    probed_with: list[Credential | None] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    output: dict[str, tuple[OutputLine, ...]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    dismissed_users: set[str] = field(default_factory=set)
    connected_users: list[tuple[str, str, Credential]] = field(default_factory=list)
    is_changed: Callable[[str, str], bool] = lambda *_: False
    called: asyncio.Event = field(default_factory=asyncio.Event)
    hidden: set[str] = field(default_factory=set)
    closed: bool = False
    _running: dict[str, Mcp] = field(default_factory=dict)
    _states: dict[str, DownstreamState] = field(default_factory=dict)
    _in_flight: dict[str, int] = field(default_factory=dict)

    def script(self, mcp_name: str, *tools: Tool, **what: Any) -> Script:
        """Set the behaviour of an MCP of this name, before or after it is applied; the script can be changed later."""
        self.scripts[mcp_name] = script = Script(tools=tools, **what)
        for mcp in self._running.values():
            if mcp.name == mcp_name:
                self._connect(mcp)
        return script

    def lose(self, mcp_name: str, error: str = "exited with status 1") -> None:
        """Make an MCP fail: it is degraded, keeps its last known lists, and its calls fail."""
        self.scripts[mcp_name].error = DownstreamUnavailableError(f"{mcp_name}: {error}")
        for mcp in self._running.values():
            if mcp.name == mcp_name:
                self._change(mcp.mcp_id, DownstreamStatus.DEGRADED, error)

    def subscribe(self, listener: DownstreamListener) -> None:
        """Call the listener after every change."""
        self.listeners.append(listener)

    def apply(self, mcps: Iterable[Mcp], last_known: dict[str, tuple[Tool, ...]] | None = None) -> None:
        """Connect to new entries and remove the others, at once."""
        wanted = {mcp.mcp_id: mcp for mcp in mcps}
        for mcp_id in self._running.keys() - wanted.keys():
            del self._running[mcp_id]
            self._change(mcp_id, DownstreamStatus.STOPPED, None)
            del self._states[mcp_id]
        for mcp_id, mcp in wanted.items():
            known = self._running.get(mcp_id)
            self._running[mcp_id] = mcp
            if known is None or (known.transport, known.options) != (mcp.transport, mcp.options):
                tools = (last_known or {}).get(mcp_id, ())
                self._states.setdefault(
                    mcp_id, DownstreamState(status=DownstreamStatus.STARTING, error=None, tools=tools)
                )
                self._connect(mcp)

    def state(self, mcp_id: str) -> DownstreamState:
        """Return the state of an entry."""
        return self._states.get(mcp_id, _STOPPED)

    def activity(self, mcp_id: str) -> DownstreamActivity:
        """Return one connection if it is ready, and the number of unanswered calls."""
        mcp = self._running.get(mcp_id)
        if mcp is None:
            return DownstreamActivity()
        return DownstreamActivity(
            connections=int(self.state(mcp_id).status is DownstreamStatus.READY),
            in_flight=self._in_flight.get(mcp_id, 0),
            restarts=self.restarts.get(mcp.name, 0),
        )

    def recent_output(self, mcp_id: str) -> tuple[OutputLine, ...]:
        """Return the `output` that the test set for the entry."""
        mcp = self._running.get(mcp_id)
        return () if mcp is None else self.output.get(mcp.name, ())

    def restart(self, mcp_id: str) -> None:
        """Connect again, at once."""
        mcp = self._running.get(mcp_id)
        if mcp is not None:
            self.restarts[mcp.name] = self.restarts.get(mcp.name, 0) + 1
            self._connect(mcp)

    def retain_users(self, wanted: Callable[[str], bool]) -> None:
        """Record which callers are no longer kept."""
        self.dismissed_users = {call.user_id for call in self.calls if not wanted(call.user_id)}

    def credentials_changed(self, changed: Callable[[str, str], bool]) -> None:
        """Record what tells which credentials have changed."""
        self.is_changed = changed

    def connect_user(self, mcp_id: str, user_id: str, credential: Credential) -> None:
        """Record it."""
        self.connected_users.append((mcp_id, user_id, credential))

    def check(self, mcp: Mcp) -> None:
        """Accept two transports and any options."""
        if mcp.transport not in ("stdio", "streamable_http"):
            raise InvalidInputError(f"Unknown transport {mcp.transport!r}; known: stdio, streamable_http.")

    def hide_secrets(self, mcps: Iterable[Mcp]) -> None:
        """Record the secret files that the entries refer to."""
        for mcp in mcps:
            self.hidden.update(referenced_files((mcp.options, mcp.credentials.references)))

    def starts_program(self, mcp: Mcp) -> bool:
        return mcp.transport == "stdio"

    def sandbox(self, mcp: Mcp) -> str | None:
        """Return the default sandbox for an entry over stdio."""
        return "landlock" if mcp.transport == "stdio" else None

    def sandboxes(self) -> tuple[SandboxOffer, ...]:
        """Offer one sandbox."""
        return (SandboxOffer(kind="landlock", available=True, is_default=True, detail="ABI 7"),)

    async def probe(self, mcp: Mcp, credential: Credential | None = None) -> tuple[Tool, ...]:
        """Return the scripted tools."""
        self.check(mcp)
        self.probed.append(mcp.name)
        self.probed_with.append(credential)
        script = self._script_of(mcp)
        if script.error is not None:
            raise script.error
        return script.tools

    async def call(
        self,
        mcp_id: str,
        request: NeutralRequest,
        *,
        user_id: str,
        timeout: float,
    ) -> Reply:
        """Answer as scripted; a gate holds the call until it opens, the deadline passes or the caller cancels."""
        mcp = self._running.get(mcp_id)
        if mcp is None:
            raise DownstreamUnavailableError("This MCP is not running")
        call = Call(mcp.name, request.method, request.params, user_id, request.credential)
        self.calls.append(call)
        self.called.set()
        self._script_of(mcp).check(request.credential)
        self._in_flight[mcp_id] = self._in_flight.get(mcp_id, 0) + 1
        for params in self._script_of(mcp).progress if request.tell else ():
            request.tell(Notice("notifications/progress", params))
        for params in self._script_of(mcp).logs if request.tell and request.log_level else ():
            request.tell(Notice("notifications/message", params))
        try:
            async with asyncio.timeout(timeout):
                return await self._answer(self._script_of(mcp), request)
        except TimeoutError:
            self.cancelled.append(call)
            raise DownstreamTimeoutError(f"{mcp.name}: no answer within {timeout:g} s") from None
        except asyncio.CancelledError:
            self.cancelled.append(call)
            raise
        finally:
            self._in_flight[mcp_id] -= 1

    def watch_resource(
        self,
        mcp_id: str,
        uri: str,
        *,
        user_id: str,
        listener: ResourceListener,
        credential: Credential | None = None,
    ) -> Callable[[], None]:
        """Keep the listener until it is ended; `update` calls it."""
        watch = Watch(mcp_id, uri, user_id, listener)
        self.watches.append(watch)

        def end() -> None:
            if watch in self.watches:
                self.watches.remove(watch)

        return end

    def update(self, mcp_name: str, uri: str, **members: Any) -> None:
        """Tell the listeners of an MCP that a resource has been updated."""
        params = json.dumps({"uri": uri, **members}).encode()
        for watch in list(self.watches):
            mcp = self._running.get(watch.mcp_id)
            if mcp is not None and (mcp.name, watch.uri) == (mcp_name, uri):
                watch.listener(params)

    async def close(self) -> None:
        """Stop all entries."""
        self.closed = True
        self._running.clear()
        self._states.clear()

    async def _answer(self, script: Script, request: NeutralRequest) -> Reply:
        for question in script.questions if request.ask else ():
            answer = await request.ask(question)
            self.answers.append(answer)
        if script.gate is not None:
            await script.gate.wait()
        if script.error is not None:
            raise script.error
        answer = script.handler(request.method, json.loads(request.params))
        return await answer if inspect.isawaitable(answer) else answer

    def _script_of(self, mcp: Mcp) -> Script:
        missing = DownstreamUnavailableError(f"{mcp.name}: nothing is scripted")
        return self.scripts.get(mcp.name) or Script(error=missing)

    def _connect(self, mcp: Mcp) -> None:
        script = self._script_of(mcp)
        if script.error is not None:
            self._change(mcp.mcp_id, DownstreamStatus.DEGRADED, script.error.message)
        else:
            self._change(mcp.mcp_id, DownstreamStatus.READY, None, **script.lists())

    def _change(self, mcp_id: str, status: DownstreamStatus, error: str | None, **lists: Any) -> None:
        before = self._states[mcp_id]
        after = self._states[mcp_id] = replace(before, status=status, error=error, **lists)
        change = DownstreamChange(
            mcp_id=mcp_id,
            status=status,
            error=error,
            tools=after.tools,
            tools_changed=after.tools != before.tools,
            resources_changed=(after.resources, after.templates) != (before.resources, before.templates),
            prompts_changed=after.prompts != before.prompts,
        )
        for listener in self.listeners:
            listener(change)
