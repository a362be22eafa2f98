"""Renders problems, the bodies of all errors over HTTP."""

import msgspec
from aiohttp import web

from ambassador_protocol.problems import Problem


def render_problem(problem: Problem) -> web.Response:
    """Return the response with a problem as its body."""
    body = msgspec.json.encode(problem.body())
    return web.Response(status=problem.status, body=body, content_type="application/problem+json")
