"""The option with which administrators give values of credentials for one test of a connection."""

from typing import Annotated

import typer

from ambassador_admin.cli.parsing import parse_pairs
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import SettingsError, UsageError
from ambassador_protocol.references import SecretReferenceError, parse_reference, resolve_reference

OneTime = Annotated[
    list[str] | None,
    typer.Option(
        "--credential",
        metavar="FIELD=REFERENCE",
        help="A value for this test alone, env://NAME or file:///PATH, which this machine reads; may be repeated.",
    ),
]


def one_time_values(admin: Invocation, given: list[str] | None) -> dict[str, str]:
    """Return the values by field; raises UsageError, which quotes no value, for one that is not a reference."""
    references = parse_pairs(given or [], "--credential")
    for field, reference in references.items():
        if parse_reference(reference) is None:
            raise UsageError(
                f"--credential {field} takes a reference, never the value itself.",
                hint=f"--credential {field}=env://NAME or file:///PATH, which this machine reads",
            )
    try:
        return {
            field: resolve_reference(each, admin.environment.variables) for field, each in references.items()
        }
    except SecretReferenceError as error:
        raise SettingsError(
            f"--credential: {error}.", hint="env://NAME or file:///PATH of this machine"
        ) from None
