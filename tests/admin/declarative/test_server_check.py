"""Every operation is checked together with what creates the objects that it refers to."""

from hypothesis import given
from hypothesis import strategies as st

from ambassador_admin.api.request import Request
from ambassador_admin.declarative import server_check
from ambassador_admin.declarative.objects import ObjectKind, references
from ambassador_admin.declarative.operation_requests import has_batch_form
from ambassador_admin.declarative.operations import Action
from ambassador_admin.declarative.server_check import MAX_REFUSALS, PlanChecker
from ambassador_admin.errors import RefusedError
from tests.admin.declarative.test_apply_properties import SCENARIOS, plan_for


class Recorder:
    """Answers the dry runs of batches, and refuses the operations about these objects."""

    def __init__(self, bad: frozenset[str]) -> None:
        self.bad = bad
        self.accepted: list[list[dict[str, object]]] = []

    def fetch(self, request: Request) -> dict[str, object]:
        assert request.query == {"dry_run": "true"}
        operations = (request.body or {}).get("operations", [])
        for number, operation in enumerate(operations):
            if operation.get("name") in self.bad:
                raise RefusedError(f"operation {number}: bad", operation=number)
        self.accepted.append(operations)
        return {"changes": [], "warnings": ["unchecked"]}


@given(SCENARIOS, st.booleans())
def test_batches_create_what_they_refer_to_and_leave_nothing_out(scenario, prune):
    operations = plan_for(scenario, prune=prune).operations
    wanted = [each for each in operations if has_batch_form(each)]
    created = {(each.kind, each.key): each for each in operations if each.action is Action.CREATE}
    batches = list(server_check._batches(wanted, created))
    assert {id(each) for batch in batches for each in batch} == {*map(id, wanted)}
    for batch in batches:
        done = set()
        for each in batch:
            for kind, name in references(each.kind, each.key, each.attributes):
                assert (kind, (name,)) not in created or (kind, (name,)) in done
            done.add((each.kind, each.key))


@given(SCENARIOS, st.booleans(), st.sets(st.sampled_from(["ann", "red", "git"])))
def test_only_what_is_refused_is_reported_and_the_rest_is_accepted(scenario, prune, bad):
    operations = plan_for(scenario, prune=prune).operations
    api = Recorder(frozenset(bad))
    checker = PlanChecker(api)
    checker.run(operations)
    refused = [operation for operation, _ in checker.result.refused]
    assert len(refused) <= MAX_REFUSALS
    assert all(each.key[0] in bad for each in refused)
    named = [
        each for each in operations if has_batch_form(each) and each.kind in (ObjectKind.USER, ObjectKind.MCP)
    ]
    assert bool(refused) or not [each for each in named if each.key[0] in bad]
    assert checker.result.warnings in ([], ["unchecked"])
