"""The `errors` commands: the meaning and the remedies of error codes."""

from datetime import datetime
from typing import Annotated, Any

import typer

from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.explanations import EXPLANATIONS
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, ExitCode
from ambassador_admin.output import View
from ambassador_admin.output.view import Column
from ambassador_protocol.problems import ProblemCode


def _sentences(value: Any, _: datetime) -> str:
    return " ".join(value)


CODE = View(
    "codes",
    (
        Column("CODE", "code", whole=True),
        Column("MEANING", "meaning"),
        Column("REMEDIES", "remedies", _sentences, wide=True),
    ),
    ("code", "meaning", "remedies"),
)
ONE = View("codes", (*CODE.columns[:2], Column("REMEDIES", "remedies", _sentences)), CODE.fields)

app = noun("The meaning of error codes.")


@verb(app, "list")
def list_all(admin: Invocation) -> None:
    """List every error code with its meaning.

    Example: ambassador-admin errors list
    """
    admin.output.rows(CODE, iter([_item(code) for code in ProblemCode]))


@verb(app, "show")
def show(
    admin: Invocation,
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code, such as AMB-5001 or 5001.")],
) -> None:
    """Show the meaning of an error code and what to do.

    Example: ambassador-admin errors show AMB-5001
    """
    found = ProblemCode.parse(code)
    if found is None:
        raise AdminError(
            f"There is no error code {code[:40]!r}.",
            hint="ambassador-admin errors list",
            code=ProblemCode.NOT_FOUND,
            exit_code=ExitCode.NOT_FOUND,
        )
    admin.output.record(ONE, _item(found))


def _item(code: ProblemCode) -> dict[str, Any]:
    explanation = EXPLANATIONS[code]
    return {
        "code": code.value,
        "meaning": explanation.meaning,
        "remedies": list(explanation.remedies),
    }
