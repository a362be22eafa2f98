"""Asks the user at the terminal the questions of a running tool (MCP elicitation)."""

import sys
from collections.abc import Mapping
from typing import Any

from ambassador_client.cli.tool_arguments import read_value
from ambassador_client.cli.tool_schema import ToolSchema, as_text
from ambassador_client.errors import UsageError, one_line

CAPABILITIES: Mapping[str, Any] = {"elicitation": {"form": {}, "url": {}}}
"""The client capabilities that are declared when a user can be asked."""

_MAX_FIELDS = 50


def is_interactive() -> bool:
    """Tell whether standard input and error are a terminal, so that a user can answer."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def ask_user(tool: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the user and return the result of `elicitation/create`; the end of the input cancels."""
    _say(f"{tool} asks: {_text(params.get('message'))}")
    try:
        if params.get("mode") == "url":
            _say(f"Open this address: {_text(params.get('url'))}")
            return {"action": "accept" if _confirm("Done?") else "decline"}
        if not _confirm("Answer?"):
            return {"action": "decline"}
        return {"action": "accept", "content": _form(params.get("requestedSchema"))}
    except EOFError:
        _say("")
        return {"action": "cancel"}


def _form(schema: Any) -> dict[str, Any]:
    form = ToolSchema(schema)
    answers: dict[str, Any] = {}
    for name, field in list(form.properties.items())[:_MAX_FIELDS]:
        _answer(answers, name, field, required=name in form.required)
    return answers


def _answer(answers: dict[str, Any], name: str, field: ToolSchema, *, required: bool) -> None:
    """Ask for one field until the answer is valid, or empty where the field is optional."""
    while True:
        text = _read(_prompt(name, field, required=required))
        if not text and field.has_default():
            answers[name] = field.annotation("default")
            return
        if not text and not required:
            return
        try:
            answers[name] = read_value(field, name, text)
        except UsageError as error:
            _say(f"{error.cause}. {error.next_step}")
        else:
            return


def _prompt(name: str, field: ToolSchema, *, required: bool) -> str:
    title = _text(field.annotation("title")) or one_line(name)
    description, allowed = _text(field.annotation("description")), field.allowed_values
    about = [", ".join(one_line(as_text(each)) for each in allowed[:20]) if allowed else field.describe()]
    if field.has_default():
        about.append(f"default {one_line(as_text(field.annotation('default')))}")
    elif not required:
        about.append("may be left empty")
    return f"{title}{f': {description}' if description else ''} ({'; '.join(about)}): "


def _confirm(question: str) -> bool:
    return _read(f"{question} [y/N] ").lower() in ("y", "yes")


def _read(prompt: str) -> str:
    """Return the line that the user types; asks again for one that is no text."""
    while True:
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        try:
            line.encode()
        except UnicodeEncodeError:
            _say("that is not UTF-8 text")
        else:
            return line.strip()


def _text(value: object) -> str:
    return one_line(value) if isinstance(value, str) else ""


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
