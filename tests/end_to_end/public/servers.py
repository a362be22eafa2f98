"""Published MCP servers at locked versions: how they are run, and arguments for all that they list."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.node import LOOPBACK, node, packages
from tests.python_homes import home
from tests.rig import BIN

Arguments = dict[str, list[dict[str, Any]]]
"""By the name of a tool or prompt, the arguments of one or more uses of it, in which DIRECTORY is the server's own."""

_GIT_DATE = "2026-01-02T03:04:05+00:00"
_PAGE = b"<html><head><title>Tides</title></head><body><h1>Tides</h1><p>High at noon.</p></body></html>"
_NODE_PACKAGES = {
    "everything": "@modelcontextprotocol/server-everything@2026.8.31",
    "filesystem": "@modelcontextprotocol/server-filesystem@2026.8.31",
}


@dataclass(frozen=True)
class Running:
    """A server that can be reached: over stdio with the options that start it, otherwise at a URL."""

    transport: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Public:
    """A published server, and what is used of it."""

    tools: Arguments
    prompts: Arguments = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    """By the template of a resource, a URI that it matches."""
    completions: list[tuple[str, str, str, str]] = field(default_factory=list)
    """The reference of a prompt or template, an argument, what is typed of it, and a value that is offered."""
    volatile: frozenset[str] = frozenset()
    """The tools whose results differ from one process to the next."""


def _program(package: str) -> Path:
    name = _NODE_PACKAGES[package]
    return packages(name) / "node_modules" / name.rpartition("@")[0] / "dist" / "index.js"


@contextmanager
def everything_over(transport: str) -> Iterator[Running]:
    """Run the reference server of the protocol."""
    if transport == "stdio":
        yield Running("stdio", {"command": [str(node()), str(_program("everything")), "stdio"]})
        return
    preloaded = [str(LOOPBACK), str(Path(__file__).with_name("port.cjs"))]
    scripts = [word for script in preloaded for word in ("--require", script)]
    mode, path, kind = {"sse": ("sse", "sse", "sse"), "http": ("streamableHttp", "mcp", "streamable_http")}[
        transport
    ]
    words = [str(node()), *scripts, str(_program("everything")), mode]
    environment = {**os.environ, "PORT": "0"}
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None
            port = json.loads(next(line for line in process.stdout if line.startswith(b"{")))["port"]
            yield Running(kind, {"url": f"http://127.0.0.1:{port}/{path}"})
        finally:
            process.kill()


def filesystem(directory: Path) -> Running:
    """Fill a directory, and serve it."""
    (directory / "deep").mkdir()
    (directory / "a.txt").write_text("one\ntwo\nthree\n")
    (directory / "deep" / "b.txt").write_text("grüße\n")
    (directory / "dot.png").write_bytes(bytes.fromhex("89504e470d0a1a0a"))
    return Running("stdio", {"command": [str(node()), str(_program("filesystem")), str(directory)]})


def git(directory: Path) -> Running:
    """Make a repository whose commits have the same hashes every time, and serve it."""
    fixed = {
        "GIT_AUTHOR_DATE": _GIT_DATE,
        "GIT_COMMITTER_DATE": _GIT_DATE,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{
            f"GIT_{who}_{what}": f"{what.lower()}@localhost"
            for who in ("AUTHOR", "COMMITTER")
            for what in _WHO
        },
    }
    run = ["git", "-C", str(directory)]
    environment = {**os.environ, **fixed}
    subprocess.run([*run, "init", "-q", "-b", "main"], check=True, env=environment)
    (directory / "a.txt").write_text("one\n")
    subprocess.run([*run, "add", "."], check=True, env=environment)
    subprocess.run([*run, "commit", "-q", "-m", "first light"], check=True, env=environment)
    (directory / "a.txt").write_text("one\ntwo\n")
    command = [str(BIN / "mcp-server-git"), "--repository", str(directory)]
    return Running("stdio", {"command": command, "env": fixed})


_WHO = ("NAME", "EMAIL")


def time() -> Running:
    return Running("stdio", {"command": [str(BIN / "mcp-server-time"), "--local-timezone", "Europe/Berlin"]})


def fetch() -> Running:
    program = home("mcp-server-fetch==2026.10.24") / "bin" / "mcp-server-fetch"
    return Running("stdio", {"command": [str(program), "--ignore-robots-txt"]})


@contextmanager
def page() -> Iterator[str]:
    """Serve one page on loopback, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(_PAGE)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def filled(arguments: Any, places: Mapping[str, str]) -> Any:
    """Return the arguments with the places of this server instead of their names."""
    text = json.dumps(arguments)
    for name, place in places.items():
        text = text.replace(name, place)
    return json.loads(text)


EVERYTHING = Public(
    tools={
        "echo": [{"message": "grüße"}],
        "get-annotated-message": [{"messageType": "error", "includeImage": True}, {"messageType": "debug"}],
        "get-env": [{}],
        "get-resource-links": [{"count": 4}],
        "get-resource-reference": [{"resourceType": "Blob", "resourceId": 2}],
        "get-structured-content": [{"location": "Chicago"}],
        "get-sum": [{"a": 2, "b": 40}, {"a": "x", "b": 1}],
        "get-tiny-image": [{}],
        "gzip-file-as-resource": [
            {"name": "hello.gz", "data": "data:text/plain;base64,aGVsbG8=", "outputType": "resourceLink"},
            {"name": "whole.gz", "data": "data:text/plain;base64,aGVsbG8=", "outputType": "resource"},
        ],
        "toggle-simulated-logging": [{}, {}],
        "toggle-subscriber-updates": [{}, {}],
        "trigger-long-running-operation": [{"duration": 0.2, "steps": 2}],
        "get-roots-list": [{}],
        "trigger-elicitation-request": [{}],
        "trigger-url-elicitation": [{"url": "https://example.com/door", "message": "Open it."}],
        "trigger-sampling-request": [{"prompt": "louder", "maxTokens": 9}],
        "simulate-research-query": [{"topic": "tides"}],
    },
    prompts={
        "simple-prompt": [{}],
        "args-prompt": [{"city": "Bern", "state": "BE"}],
        "completable-prompt": [{"department": "Sales", "name": "David"}],
        "resource-prompt": [{"resourceType": "Text", "resourceId": "3"}],
    },
    templates={
        "demo://resource/dynamic/text/{resourceId}": "demo://resource/dynamic/text/7",
        "demo://resource/dynamic/blob/{resourceId}": "demo://resource/dynamic/blob/7",
    },
    completions=[
        ("completable-prompt", "department", "E", "Engineering"),
        ("demo://resource/dynamic/text/{resourceId}", "resourceId", "7", "7"),
    ],
    volatile=frozenset({"get-env"}),
)
FILESYSTEM = Public(
    tools={
        "read_file": [{"path": "DIRECTORY/a.txt"}, {"path": "/etc/passwd"}],
        "read_text_file": [{"path": "DIRECTORY/a.txt", "head": 1}, {"path": "DIRECTORY/deep/b.txt"}],
        "read_media_file": [{"path": "DIRECTORY/dot.png"}],
        "read_multiple_files": [{"paths": ["DIRECTORY/a.txt", "DIRECTORY/absent"]}],
        "write_file": [{"path": "DIRECTORY/c.txt", "content": "new\n"}],
        "edit_file": [{"path": "DIRECTORY/c.txt", "edits": [{"oldText": "new", "newText": "old"}]}],
        "create_directory": [{"path": "DIRECTORY/more"}],
        "list_directory": [{"path": "DIRECTORY"}],
        "list_directory_with_sizes": [{"path": "DIRECTORY/deep"}],
        "directory_tree": [{"path": "DIRECTORY"}],
        "move_file": [{"source": "DIRECTORY/c.txt", "destination": "DIRECTORY/more/c.txt"}],
        "search_files": [{"path": "DIRECTORY", "pattern": "**/*.txt"}],
        "get_file_info": [{"path": "DIRECTORY/more/c.txt"}],
        "list_allowed_directories": [{}],
    }
)
GIT = Public(
    tools={
        "git_status": [{"repo_path": "DIRECTORY"}],
        "git_diff_unstaged": [{"repo_path": "DIRECTORY"}],
        "git_add": [{"repo_path": "DIRECTORY", "files": ["a.txt"]}],
        "git_diff_staged": [{"repo_path": "DIRECTORY", "context_lines": 1}],
        "git_reset": [{"repo_path": "DIRECTORY"}],
        "git_create_branch": [{"repo_path": "DIRECTORY", "branch_name": "side"}],
        "git_checkout": [{"repo_path": "DIRECTORY", "branch_name": "side"}],
        "git_branch": [{"repo_path": "DIRECTORY", "branch_type": "local"}],
        "git_diff": [{"repo_path": "DIRECTORY", "target": "main"}],
        "git_commit": [{"repo_path": "DIRECTORY", "message": "nothing is staged"}],
        "git_log": [{"repo_path": "DIRECTORY", "max_count": 1}],
        "git_show": [{"repo_path": "DIRECTORY", "revision": "HEAD"}],
    }
)
TIME = Public(
    tools={
        "get_current_time": [{"timezone": "Asia/Tokyo"}, {"timezone": "Nowhere/Here"}],
        "convert_time": [
            {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Kolkata"},
            {"source_timezone": "UTC", "time": "25:00", "target_timezone": "Asia/Kolkata"},
        ],
    }
)
FETCH = Public(
    tools={"fetch": [{"url": "PAGE"}, {"url": "PAGE", "raw": True}]}, prompts={"fetch": [{"url": "PAGE"}]}
)
