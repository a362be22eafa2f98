"""Published servers through the server: all that they list is what they list alone, and all of it works the same.

Each is used twice in the same order, by a host that reaches it alone and by one that reaches it through the server.
"""

import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from tests.end_to_end.eras.hosts import Told, host
from tests.end_to_end.public import servers
from tests.end_to_end.public.servers import Public, Running, filled
from tests.end_to_end.world import World, running
from tests.patience import PATIENCE
from tests.rig import Rig

# The client says so of each method that only the legacy era has.
pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")

_CHANGING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\w{3} \w{3} \d\d? \d{4} [\d:]{8} GMT[^\"\\]*|\d{4}-\d\d-\d\dT[\d:]{8}[.\d]*(?:Z|[+-]\d\d:\d\d)"
    r"|\d\d?:\d\d:\d\d ?[AP]M"
)
_OF_AN_ERA = {"_meta", "meta", "result_type", "ttl_ms", "cache_scope", "execution", "task"}

SERVERS = {
    "everything-stdio": servers.EVERYTHING,
    "everything-sse": servers.EVERYTHING,
    "everything-http": servers.EVERYTHING,
    "filesystem": servers.FILESYSTEM,
    "git": servers.GIT,
    "time": servers.TIME,
    "fetch": servers.FETCH,
}


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    with running(directory, prepared) as started:
        yield started


@dataclass
class Use:
    """A host that uses a server, alone or through ours; what is used of it is named as the server names it."""

    host: Client
    told: Told
    places: dict[str, str]
    prefix: str = ""
    links: list[str] = field(default_factory=list)

    async def listed(self) -> dict[str, Any]:
        """Return all definitions."""
        found: dict[str, Any] = {"tools": _plain(await self.host.list_tools())["tools"]}
        for kind, ask in (
            ("prompts", self.host.list_prompts),
            ("resources", self.host.list_resources),
            ("resource_templates", self.host.list_resource_templates),
        ):
            found[kind] = (await _or_nothing(ask(), kind))[kind]
        for each in (*found["tools"], *found["prompts"]):
            assert each["name"].startswith(self.prefix)
            each["name"] = each["name"].removeprefix(self.prefix)
        return found

    async def call(self, tool: str, arguments: Any) -> Any:
        """Call a tool and return its result or error."""
        steps: list[Any] = []

        async def note(done: float, total: float | None, _: str | None) -> None:
            steps.append((done, total))
            await self.told.note()

        calling = self.host.call_tool(
            self.prefix + tool, filled(arguments, self.places), progress_callback=note
        )
        result = await _or_error(calling)
        self.links += [
            block["uri"] for block in result.get("content", ()) if block["type"] == "resource_link"
        ]
        # Filled until the answers are compared: the SDK may report the last step after it has returned the result.
        return {**self._scrubbed(result), "steps": steps}

    async def get(self, prompt: str, arguments: Any) -> Any:
        """Get a prompt."""
        asked = self.host.get_prompt(self.prefix + prompt, filled(arguments, self.places))
        return self._scrubbed(await _or_error(asked))

    async def read(self, uri: str) -> Any:
        """Read a resource."""
        return self._scrubbed(await _or_error(self.host.read_resource(uri)))

    async def complete(self, reference: str, argument: str, value: str) -> list[str]:
        """Return the values that are offered."""
        ref: Any = (
            types.ResourceTemplateReference(type="ref/resource", uri=reference)
            if "://" in reference
            else types.PromptReference(type="ref/prompt", name=self.prefix + reference)
        )
        return (await self.host.complete(ref, {"name": argument, "value": value})).completion.values

    def _scrubbed(self, answer: Any) -> Any:
        """Return the answer without what differs each time, and with the names of the server's places."""
        text = json.dumps(answer, ensure_ascii=False)
        for name, place in self.places.items():
            text = text.replace(place, name)
        return json.loads(_CHANGING.sub("CHANGING", text))


def differences(found: Any, expected: Any) -> Any:
    """Return what differs, as short as it can be said."""
    if found == expected:
        return {}
    if isinstance(found, dict) and isinstance(expected, dict):
        names = found.keys() | expected.keys()
        pairs = {name: differences(found.get(name), expected.get(name)) for name in names}
        return {name: each for name, each in pairs.items() if each != {}}
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        deeper = [differences(*pair) for pair in zip(found, expected, strict=True)]
        return {number: each for number, each in enumerate(deeper) if each != {}}
    if isinstance(found, list) and isinstance(expected, list):
        return {
            "found": [each for each in found if each not in expected],
            "expected": [each for each in expected if each not in found],
        }
    return {"found": found, "expected": expected}


def _plain(answer: Any) -> Any:
    """Return a result as JSON, without the members that only one era has."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            kept = {name: without(each) for name, each in value.items() if name not in _OF_AN_ERA}
            if isinstance(kept.get("blob"), str):  # the time is in some of these bytes
                kept["blob"] = b64decode(kept["blob"]).decode("latin-1")
            return kept
        return [without(each) for each in value] if isinstance(value, list) else value

    return without(answer.model_dump(mode="json", exclude_none=True))


async def _or_error(asked: Awaitable[Any]) -> Any:
    try:
        return _plain(await asked)
    except MCPError as error:
        return {"error": error.code}


async def _or_nothing(asked: Awaitable[Any], kind: str) -> Any:
    """Return an empty list where the server has none at all."""
    try:
        return _plain(await asked)
    except MCPError as error:
        if error.code != types.METHOD_NOT_FOUND:
            raise
        return {kind: []}


class Answering(Told):
    """A host whose user answers every form, opens every link, and allows everything."""

    async def elicit(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.questions.append(params)
        if isinstance(params, types.ElicitRequestURLParams):
            return types.ElicitResult(action="accept")
        wanted = params.requested_schema["properties"]
        content = {name: _answer(schema) for name, schema in wanted.items() if _answer(schema) is not None}
        return types.ElicitResult(action="accept", content=content)


def _answer(schema: dict[str, Any]) -> Any:
    by_format = {
        "email": "ada@example.com",
        "uri": "https://example.com/",
        "date": "2026-01-02",
        "date-time": None,
    }
    if "default" in schema:
        return schema["default"]
    if "format" in schema:
        return by_format[schema["format"]]
    return {"string": "Ada", "boolean": True}.get(schema["type"])


@asynccontextmanager
async def alone(server: Running, told: Told) -> AsyncIterator[Client]:
    """Connect a host to the server itself."""
    if server.transport == "stdio":
        command, *words = server.options["command"]
        target: Any = StdioServerParameters(command=command, args=words, env=server.options.get("env"))
    else:
        connect = sse_client if server.transport == "sse" else streamable_http_client
        target = connect(server.options["url"])
    async with Client(
        target,
        mode="legacy" if server.transport == "sse" else "auto",
        cache=None,
        read_timeout_seconds=PATIENCE,
        elicitation_callback=told.elicit,
        sampling_callback=told.sample,
        list_roots_callback=told.roots,
    ) as client:
        yield client


def started(stack: ExitStack, name: str, directory: Path) -> Running:
    """Run or prepare a server on a directory of its own."""
    directory.mkdir()
    match name.partition("-"):
        case ("everything", _, transport):
            return stack.enter_context(servers.everything_over(transport))
        case ("filesystem", _, _):
            return servers.filesystem(directory)
        case ("git", _, _):
            return servers.git(directory)
        case ("time", _, _):
            return servers.time()
        case _:
            return servers.fetch()


async def used(use: Use, public: Public, listed: dict[str, Any]) -> dict[str, Any]:
    """Use all that is listed and return every answer."""
    answers: dict[str, Any] = {}
    names = {tool["name"] for tool in listed["tools"]}
    for name, uses in public.tools.items():
        assert name in names
        for number, arguments in enumerate(uses):
            answers[f"tool {name} {number}"] = await use.call(name, arguments)
    for prompt in listed["prompts"]:
        for arguments in public.prompts[prompt["name"]]:
            answers[f"prompt {prompt['name']}"] = await use.get(prompt["name"], arguments)
    for resource in listed["resources"]:
        answers[f"resource {resource['uri']}"] = await use.read(resource["uri"])
    for template in listed["resource_templates"]:
        if template["uri_template"] in public.templates:
            answers[f"template {template['uri_template']}"] = await use.read(
                public.templates[template["uri_template"]]
            )
    for number, uri in enumerate(use.links):
        answers[f"link {number}"] = await use.read(uri)
    for reference, argument, value, _ in public.completions:
        answers[f"completion {reference}"] = await use.complete(reference, argument, value)
    return answers


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("name", SERVERS)
async def test_everything_it_lists_works_as_it_does_alone(world: World, tmp_path: Path, name: str, era: str):
    public = SERVERS[name]
    mcp = f"{name}-{era}"
    with ExitStack() as stack:
        page = {"PAGE": stack.enter_context(servers.page())}
        own = started(stack, name, tmp_path / "alone")
        told = Answering()
        async with alone(own, told) as client:
            direct = Use(client, told, {**page, "DIRECTORY": str(tmp_path / "alone")})
            listed = await direct.listed()
            assert {tool["name"] for tool in listed["tools"]} == set(public.tools)
            assert {prompt["name"] for prompt in listed["prompts"]} == set(public.prompts)
            expected = await used(direct, public, listed)
        behind = started(stack, name, tmp_path / "behind")
        world.publish(mcp, behind.transport, behind.options)
        # Another server that offers the same URIs would change them.
        stack.callback(world.ask, "POST", f"mcps/{mcp}/archive")
        told = Answering()
        async with host(f"{world.rig.client_url}/mcp", world.person().key, era, told) as (client, _):
            through = Use(client, told, {**page, "DIRECTORY": str(tmp_path / "behind")}, f"{mcp}__")
            differing = differences(await through.listed(), listed)
            assert differing == {}
            found = await used(through, public, listed)
    for tool in public.volatile:
        for answers in (expected, found):
            assert answers.pop(f"tool {tool} 0")["content"]
    differing = differences(found, expected)
    assert differing == {}
    for reference, *_, value in public.completions:
        assert value in found[f"completion {reference}"]
