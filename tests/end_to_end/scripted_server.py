"""An MCP server over stdio that sends the exact bytes of a script; run it with the path of the script.

The script is a JSON object: `tools` are the definitions, `raw_tools` further ones as JSON texts, `replies` map a tool
to the raw members of its answer, such as `"result":{}`, in which `NUMBER` stands for the id of the call. `raw_cursor`
is a list of at most one cursor that each page of the list ends with. `final_output` maps a tool to what is written to
stderr before the process exits without an answer. With `announces`, a call of the tool `announce` reads the script
again and says that the tools have changed.
"""

import json
import sys
from pathlib import Path
from typing import Any

_VERSION = "2025-11-25"


def options(directory: Path, script: dict[str, Any]) -> dict[str, Any]:
    """Write the script and return the catalog options that run it."""
    path = directory / f"script-{len(list(directory.glob('script-*')))}.json"
    path.write_text(json.dumps(script))
    return {"command": [sys.executable, __file__, str(path)]}


def tool(name: str, **more: Any) -> dict[str, Any]:
    """Return a definition."""
    return {"name": name, "inputSchema": {"type": "object"}, **more}


def _members(script: dict[str, Any], message: dict[str, Any]) -> str:
    match message["method"]:
        case "initialize":
            info = {"name": "scripted", "version": "1"}
            tools = {"listChanged": True} if script.get("announces") else {}
            result = {"protocolVersion": _VERSION, "capabilities": {"tools": tools}, "serverInfo": info}
            return f'"result":{json.dumps(result)}'
        case "tools/list":
            definitions = [*map(json.dumps, script["tools"]), *script.get("raw_tools", ())]
            more = "".join(f',"nextCursor":{cursor}' for cursor in script.get("raw_cursor", ()))
            return f'"result":{{"tools":[{",".join(definitions)}]{more}}}'
        case "tools/call":
            return _called(script, message["params"]["name"]).replace("NUMBER", str(message["id"]))
        case _:
            return '"error":{"code":-32601,"message":"Method not found"}'


def _called(script: dict[str, Any], name: str) -> str:
    if name in script.get("final_output", {}):
        sys.stderr.write(script["final_output"][name] + "\n")
        sys.exit(3)
    said = json.dumps({"content": [{"type": "text", "text": name}]})
    reply: str = script.get("replies", {}).get(name, f'"result":{said}')
    return reply


def main() -> None:
    """Answer until stdin ends."""
    script = json.loads(Path(sys.argv[1]).read_text())
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            if script.get("announces") and message.get("params", {}).get("name") == "announce":
                script = json.loads(Path(sys.argv[1]).read_text())
                sys.stdout.write('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n')
            reply = f'{{"jsonrpc":"2.0","id":{message["id"]},{_members(script, message)}}}\n'
            sys.stdout.write(reply)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
