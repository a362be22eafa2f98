"""An MCP server over stdio that breaks the rules about answers, questions and notifications; one tool for each way."""

import json
import os
import sys
from typing import Any

SECRET = "correct-horse-battery-staple"
TOOLS = ("echo", "late", "twice", "wrong_ids", "closes", "floods", "odd_questions")
MANY = 5000


def send(**members: Any) -> None:
    """Write one message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **members}) + "\n")


def ask(number: Any, method: str = "elicitation/create", **params: Any) -> None:
    """Ask a question; nothing waits for the answer."""
    send(
        id=number, method=method, params={"message": SECRET, "requestedSchema": {"type": "object"}, **params}
    )


def flood() -> None:
    """Send progress of calls of others, log messages, questions and answers that nothing waits for."""
    for number in range(MANY):
        send(
            method="notifications/progress",
            params={"progressToken": number, "progress": 1, "message": SECRET},
        )
        send(method="notifications/message", params={"level": "emergency", "data": SECRET})
        send(method="notifications/resources/updated", params={"uri": f"memo://{number}"})
        send(method="notifications/elicitation/complete", params={"elicitationId": SECRET})
        send(id=10**6 + number, result={"content": [], "secret": SECRET})
        ask(1, "roots/list")


def ask_oddly() -> None:
    """Ask questions with params, methods and ids that they cannot have."""
    for params in ([SECRET], SECRET, 7, None):
        send(id=2, method="elicitation/create", params=params)
    for method in ("", "tools/call", "initialize", "x" * 100_000, "notifications/cancelled"):
        ask({"an": "object"} if method == "" else 3, method)


def call(number: Any, name: str) -> None:
    """Answer a call, after what its tool does."""
    done = {"content": [{"type": "text", "text": name}]}
    match name:
        case "wrong_ids":
            for wrong in (str(number) + "0", None, -1, 1.5, 10**30, "", [], {}):
                send(id=wrong, result={"content": [{"type": "text", "text": "wrong"}]})
        case "closes":
            ask(1)
            sys.stdout.flush()
            os._exit(0)
        case "floods":
            flood()
        case "odd_questions":
            ask_oddly()
    send(id=number, result=done)
    if name == "twice":
        send(id=number, result={"content": [{"type": "text", "text": "another"}]})
        send(id=number, error={"code": -1, "message": "another"})
    if name == "late":
        for late in range(100):
            ask(late)


def main() -> None:
    """Answer until stdin ends."""
    for line in sys.stdin:
        message = json.loads(line)
        number, method = message.get("id"), message.get("method")
        if number is None or method is None:
            continue
        if method == "initialize":
            info = {"name": "flooding", "version": "1"}
            features = {"tools": {}, "logging": {}}
            send(
                id=number,
                result={"protocolVersion": "2025-11-25", "capabilities": features, "serverInfo": info},
            )
        elif method == "tools/list":
            send(id=number, result={"tools": [{"name": n, "inputSchema": {"type": "object"}} for n in TOOLS]})
        elif method == "tools/call":
            call(number, message["params"]["name"])
        else:
            send(id=number, result={})
        sys.stdout.flush()


if __name__ == "__main__":
    main()
