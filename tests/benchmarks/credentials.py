"""The cost of a user's credential: calls of an MCP that gets one beside calls of one that gets none, over one server.

Both have a connection for each user, the same downstream and the same bytes on the wire: without a credential of the
user the value is in the options of the MCP. So only the credential differs.
"""

import http.client
import json
from dataclasses import replace

from tests.benchmarks.calls import CONNECTIONS, in_turn
from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.processes import BenchError
from tests.benchmarks.world import Effort, World

_PLAIN, _LENT = "plain", "lent"
_HEADER, _VALUE = "X-Token", "the-credential-of-the-user"
_SHORTER, _SHORTEST = 6, 0.3
"""The difference is a hundredth of a call. Many short rounds see the same load of the machine on both sides."""


def credentials(world: World, effort: Effort) -> list[Figure]:
    """Measure the processor time per call with and without a credential that is known already."""
    tools = dict(zip((_PLAIN, _LENT), _offer(world), strict=True))
    server = world.serve(tls=False, sessions=CONNECTIONS)
    for tool in tools.values():
        world.await_tool(tool)
    plain, lent = (replace(server, tool=tool) for tool in tools.values())
    if effort.seconds > _SHORTEST * _SHORTER:
        effort = replace(effort, rounds=effort.rounds * _SHORTER, seconds=effort.seconds / _SHORTER)
    rounds = in_turn(plain, lent, effort, connections=CONNECTIONS)
    return [
        Figure(
            name="credential_computed",
            what="processor time per call with a user's credential, beside without",
            unit="µs",
            digits=1,
            relay=[one.computed for one in rounds.relay],
            ours=[one.computed for one in rounds.ours],
            compared="difference",
            beside="without",
            budget=Budget(at_most=5.0),
        )
    ]


def _offer(world: World) -> tuple[str, ...]:
    """Add an MCP without and one with a credential of the user, and give it; return their tools."""
    world.offer(_PLAIN, 1, "--isolation", "per-user", "--header", f"{_HEADER}={_VALUE}")
    world.offer(_LENT, 1, "--isolation", "per-user")
    world.rig.admin("credential", "declare", _LENT, "token", "--header", _HEADER, "--no-test")
    connection = http.client.HTTPConnection("127.0.0.1", world.rig.ports["port"])
    try:
        headers = {"Authorization": f"Bearer {world.key}", "Content-Type": "application/json"}
        body = json.dumps({"values": {"token": _VALUE}})
        connection.request("PUT", f"/v1/credentials/{_LENT}", body, headers)
        response = connection.getresponse()
        if response.status != 200:
            raise BenchError(f"the credential was answered with {response.status}: {response.read()!r}")
    finally:
        connection.close()
    return tuple(f"{mcp}__echo" for mcp in (_PLAIN, _LENT))
