"""An MCP server over stdio in plain standard library, of either era, that misbehaves on request."""

import json
import signal
import sys
import threading
from typing import Any

from tests.fakes.mcp_servers.toolbox import (
    CHANGED,
    SUBSCRIPTION,
    Toolbox,
    complete,
    confirmed,
    envelope_error,
    handshake,
    parser,
    progress_reports,
    text,
)


class Server:
    """Reads and answers lines; slow tools run in threads, so that answers come in any order."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.toolbox = toolbox
        self.lock = threading.Lock()
        self.held: list[int] = []
        self.stops: dict[int, threading.Event] = {}
        self.questions: dict[str, tuple[threading.Event, dict[str, Any]]] = {}
        self.listener: int | None = None
        self.modern = toolbox.era == "modern"

    def send(self, message: dict[str, Any]) -> None:
        self.write(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def write(self, line: bytes) -> None:
        with self.lock:
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()

    def take(self, message: dict[str, Any]) -> None:
        method, number = message.get("method"), message.get("id")
        params = message.get("params") or {}
        if method is None:
            event, answer = self.questions[message["id"]]
            answer.update(message)
            event.set()
        elif number is None:
            self.notified(method, params)
        elif (reply := handshake(self.toolbox, method, params)) is not None:
            self.modern = method == "server/discover"
            self.send({"id": number, **reply})
        else:
            self.request(number, method, params)

    def notified(self, method: str, params: dict[str, Any]) -> None:
        if method == "notifications/cancelled":
            self.toolbox.cancelled += 1
            if stop := self.stops.get(params["requestId"]):
                stop.set()

    def request(self, number: int, method: str, params: dict[str, Any]) -> None:
        if self.modern and (error := envelope_error(params)):
            self.send({"id": number, "error": error})
        elif (page := self.toolbox.page(method, params.get("cursor"))) is not None:
            self.result(number, page)
        elif method == "resources/read" and params["uri"] == "memo://slow":
            self.slow(number, {"seconds": 60})
        elif (served := self.toolbox.serve(method, params)) is not None:
            self.result(number, served)
        elif method == "subscriptions/listen" and self.modern:
            self.listener = number
            self.notify("notifications/subscriptions/acknowledged", params["notifications"])
        elif method == "tools/call":
            self.call(number, params)
        elif self.toolbox.era != "silent":
            self.send({"id": number, "error": {"code": -32601, "message": "Method not found"}})

    def notify(self, method: str, params: dict[str, Any]) -> None:
        meta = {"_meta": {SUBSCRIPTION: self.listener}} if self.modern else {}
        self.send({"method": method, "params": {**params, **meta}})

    def result(self, number: int, result: dict[str, Any]) -> None:
        self.send({"id": number, "result": complete(result) if self.modern else result})

    def call(self, number: int, params: dict[str, Any]) -> None:
        self.toolbox.note(params)
        name, arguments = params["name"], params.get("arguments") or {}
        result = self.toolbox.answer(name, arguments, params)
        if result is not None:
            self.result(number, result)
            return
        own = {
            "slow": self.slow,
            "hold": self.hold,
            "garbage": self.garbage,
            "ask": self.ask,
            "grow": self.grow,
        }
        if name == "progress":
            self.progress(number, arguments, params)
        elif name == "confirm" and self.modern:
            self.result(number, confirmed(arguments, params))
        elif name in own:
            own[name](number, arguments)
        else:
            self.send({"id": number, "error": {"code": -32602, "message": "no", "data": {"big": 10**30}}})

    def progress(self, number: int, arguments: dict[str, Any], params: dict[str, Any]) -> None:
        reports = progress_reports(arguments, params)
        for report in reports:
            self.send({"method": "notifications/progress", "params": report})
        if "seconds" in arguments:
            self.slow(number, arguments)
            return
        self.result(number, text(str(params.get("_meta", {}).get("progressToken"))))
        for report in reports:
            self.send({"method": "notifications/progress", "params": report})

    def slow(self, number: int, arguments: dict[str, Any]) -> None:
        stop = self.stops[number] = threading.Event()

        def run() -> None:
            if not stop.wait(arguments["seconds"]):
                self.result(number, text("awake"))

        threading.Thread(target=run, daemon=True).start()

    def hold(self, number: int, arguments: dict[str, Any]) -> None:
        self.held.append(number)
        if len(self.held) == arguments["count"]:
            for waiting in reversed(self.held):
                self.result(waiting, text(str(waiting)))
            self.held.clear()

    def garbage(self, number: int, arguments: dict[str, Any]) -> None:
        for line in (
            b"Listening on port 1234",
            b"\xff\xfe\x00 not UTF-8",
            b'{"half": ',
            b"[1, 2]",
            b'{"id": 1}',
            b"",
        ):
            self.write(line)
        self.write(b'{"jsonrpc":"2.0","id":77777,"result":{}}')
        self.write(b'{"jsonrpc":"2.0","id":"1","result":{}}')
        self.write(b"[" * 100_000)
        head = b'{"jsonrpc":"2.0","id":%d,"result":{"content":[],"broken":"' % number
        self.write(head + b'\xc3\x28"}}')

    def ask(self, number: int, arguments: dict[str, Any]) -> None:
        def run() -> None:
            answers = {}
            for method in ("ping", "roots/list", "sampling/createMessage", "elicitation/create"):
                answer = self.questions[method] = (threading.Event(), {})
                self.send({"id": method, "method": method, "params": {}})
                answer[0].wait(10)
                answers[method] = answer[1]
            self.result(number, {**text("asked"), "structuredContent": answers})

        threading.Thread(target=run, daemon=True).start()

    def grow(self, number: int, arguments: dict[str, Any]) -> None:
        self.toolbox.grow()
        self.notify(CHANGED, {})
        self.result(number, text("grown"))


def main() -> None:
    """Serve until stdin ends."""
    flags = parser(__doc__ or "")
    flags.add_argument("--stubborn", action="store_true", help="ignore the end of stdin and SIGTERM")
    flags.add_argument("--dies-of-discover", action="store_true")
    options = flags.parse_args()
    if options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server = Server(
        Toolbox(
            era=options.era,
            record=options.record,
            page_size=options.page_size,
            offers=options.offers,
            title=options.title,
        )
    )
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if options.dies_of_discover and message.get("method") == "server/discover":
            sys.exit("unknown method")
        server.take(message)
    while options.stubborn:
        signal.pause()


if __name__ == "__main__":
    main()
