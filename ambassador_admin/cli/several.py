"""Makes several changes with one command, and says which ones failed."""

from collections.abc import Callable, Sequence

from ambassador_admin.api.request import Request
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, ExitCode, RefusedError
from ambassador_admin.output import Item, View
from ambassador_protocol.problems import ProblemCode


def submit_each(
    admin: Invocation,
    names: Sequence[str],
    request_of: Callable[[str], Request],
    view: View,
    *,
    same_object: bool = False,
    then: Callable[[Item], None] | None = None,
) -> None:
    """Send a change for each name, and show the changed objects, or with `same_object` the last answer alone.

    The changes after a refused one are made all the same. `then` is called with each changed object after they are
    shown. Raises AdminError if one was not made.
    """
    changed: list[Item] = []

    def change(name: str) -> None:
        answer = admin.send_change(request_of(name), view)
        if answer is not None:
            changed.append(answer)

    try:
        _for_each(admin, names, change)
    finally:
        if changed and (same_object or len(set(names)) == 1):
            admin.output.record(view, changed[-1])
        elif changed:
            admin.output.rows(view, changed)
        if then is not None:
            for answer in changed:
                then(answer)


def submit_all(admin: Invocation, requests: Sequence[Request], after: Request, view: View) -> Item | None:
    """Send changes that build on each other, and show the object as `after` returns it; a dry run returns None.

    The server can check the first one alone in a dry run, because the others need what it makes.

    Raises AdminError for a change that was not made; the ones before it stay, and the object is shown.
    """
    if admin.options.dry_run:
        admin.dry_run(requests[0])
        for request in requests[1:]:
            admin.preview(request)
        if len(requests) > 1:
            admin.output.say("The changes after the first need it, and were not checked.")
        return None
    changed: Item | None = None
    made = 0
    try:
        for request in requests:
            answer = admin.send_change(request, view)
            changed, made = changed or answer, made + 1
    except AdminError:
        if changed is not None:
            admin.output.warn(f"{made} of {len(requests)} changes were made and stay.")
        raise
    finally:
        if changed is not None:
            changed = changed if len(requests) == 1 else admin.api.fetch(after)
            admin.output.record(view, changed)
    return changed


def send_each(
    admin: Invocation, names: Sequence[str], request_of: Callable[[str], Request], done: Callable[[str], str]
) -> None:
    """Send a change for each name, and say what was done; raises AdminError if one was not made."""
    _for_each(admin, names, lambda name: admin.send_and_say(request_of(name), done(name)))


def listed(names: Sequence[str]) -> str:
    """Return the names as they stand in a question."""
    return ", ".join(dict.fromkeys(names))


def _for_each(admin: Invocation, names: Sequence[str], change: Callable[[str], None]) -> None:
    distinct = list(dict.fromkeys(names))
    refusals: list[RefusedError] = []
    for index, name in enumerate(distinct):
        try:
            change(name)
        except RefusedError as error:
            if len(distinct) == 1:
                raise
            refusals.append(error)
            admin.output.warn(f"{name}: {error.code} {error.message}")
        except AdminError:
            if index > len(refusals):
                admin.output.warn(f"Not changed: {listed(distinct[index:])}.")
            raise
    if refusals:
        raise _failure(len(distinct), refusals)


def _failure(total: int, refusals: Sequence[RefusedError]) -> AdminError:
    first = refusals[0]
    if len(refusals) == total:
        return AdminError(
            "None of the changes was made.", code=first.code, exit_code=first.exit_code, hint=first.hint
        )
    return AdminError(
        f"{len(refusals)} of {total} changes were not made.",
        code=ProblemCode.INCOMPLETE,
        exit_code=ExitCode.PARTIAL,
        hint=first.hint,
    )
