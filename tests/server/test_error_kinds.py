"""An error is answered like the class that it is a kind of: a new subclass is never an internal error by omission."""

import json
from importlib import import_module
from pkgutil import walk_packages

import pytest

import ambassador_server
from ambassador_protocol.problems import ProblemCode
from ambassador_server.errors import (
    AmbassadorError,
    AuthorizationDeniedError,
    DownstreamUnavailableError,
    InvalidInputError,
)
from ambassador_server.mcp.replies import failure
from ambassador_server.web.middleware.errors import problem_code
from tests.server.services.world import ORIGIN


def load_all_modules() -> None:
    for module in walk_packages(ambassador_server.__path__, "ambassador_server."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            import_module(module.name)


def subclasses(base: type[AmbassadorError]) -> set[type[AmbassadorError]]:
    found = set(base.__subclasses__())
    return found.union(*(subclasses(each) for each in found))


def raised(kind: type[AmbassadorError]) -> AmbassadorError:
    error = kind.__new__(kind)
    AmbassadorError.__init__(error, "it failed")
    return error


OWN_CODES = {AuthorizationDeniedError: ProblemCode.DENIED}
"""The kinds with an answer of their own over HTTP."""


@pytest.mark.parametrize("base", [DownstreamUnavailableError, InvalidInputError])
def test_subclass_is_answered_like_its_base_class(base: type[AmbassadorError]) -> None:
    load_all_modules()
    kinds = subclasses(base)
    assert kinds

    def code(kind: type[AmbassadorError]) -> int:
        return int(json.loads(failure(b"1", raised(kind), ORIGIN).body)["error"]["code"])

    for kind in kinds:
        assert problem_code(raised(kind)) == OWN_CODES.get(kind, problem_code(raised(base))), kind
        assert code(kind) == code(base), kind
