"""SCIM: no request takes more of the server than its part: bounds before parsing, own threads, few long searches."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from scim2_models import Path

from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.services.administration.provisioning import MOST_SCANS
from ambassador_server.web.admin.scim import bounds, members, storage
from ambassador_server.web.admin.scim.protocol import SERVICE
from tests.server.web.scim_server import GROUP, PATCH, ScimServer, scim_server

pytestmark = pytest.mark.asyncio(loop_scope="module")
WAIT_SECONDS = 30


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scim(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScimServer]:
    async with scim_server(tmp_path_factory.mktemp("scim")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def places(scim: ScimServer) -> dict[str, str]:
    """Return where a user and a group are."""
    user = await scim.user("bounded")
    group = await scim.scim("POST", "Groups", {"schemas": [GROUP], "displayName": "bounded"}, status=201)
    return {"Users": f"Users/{user['id']}", "Groups": f"Groups/{group['id']}"}


def _body(operations: list[Any], key: str = "Operations") -> dict[str, Any]:
    return {"schemas": [PATCH], key: operations}


LONG = " or ".join(['value eq "a"'] * 200)
TOO_MUCH = {
    "operations": [{"op": "add", "path": "displayName", "value": "x"}] * (bounds.MOST_OPERATIONS + 1),
    "a path": [{"op": "remove", "path": f"members[{LONG}]"}],
    "a path of mails": [{"op": "remove", "Path": f"emails[{LONG}]"}],
    "a key": [{"op": "add", "value": {f"emails[{LONG}].value": "x"}}],
    "a key at depth": [{"op": "add", "value": {"name": [{f"emails[{LONG}].value": "x"}]}}],
    "paths": [{"op": "remove", "path": "members" + " " * 1_900}] * 80,
}


@pytest.mark.parametrize("key", ["Operations", "OPERATIONS"])
@pytest.mark.parametrize("kind", ["Users", "Groups"])
@pytest.mark.parametrize("what", TOO_MUCH)
async def test_too_much_is_refused_before_it_is_parsed(
    scim: ScimServer,
    places: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    kind: str,
    key: str,
) -> None:
    def parsed(*_: Any) -> None:
        raise AssertionError("a path was parsed")

    monkeypatch.setattr(Path, "_check_syntax", parsed)
    # The body of a user is larger than another bound then.
    status = 413 if (what, kind) == ("paths", "Users") else 400
    answer = await scim.scim("PATCH", places[kind], _body(TOO_MUCH[what], key), status=status)
    assert "at most" in answer["detail"]


async def test_members_in_a_body_that_is_not_short_are_read_in_a_thread(
    scim: ScimServer, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    selected = members._selected

    def noted(path: Any) -> Any:
        names.append(threading.current_thread().name)
        return selected(path)

    monkeypatch.setattr(members, "_selected", noted)
    operations = [{"op": "remove", "path": f'members[value eq "{number}"]'} for number in range(200)]
    await scim.scim("PATCH", places["Groups"], _body(operations), status=204)
    assert len(names) == 200
    assert all(each.startswith("scim-reading") for each in names)


async def test_a_change_does_not_wait_for_the_documents_of_calls(
    scim: ScimServer, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change holds the lock of the policy, for which a kill switch waits."""
    applied: list[str] = []
    apply = SERVICE.apply_patch

    def noted(*arguments: Any) -> Any:
        applied.append(threading.current_thread().name)
        return apply(*arguments)

    monkeypatch.setattr(SERVICE, "apply_patch", noted)
    release = threading.Event()
    document = asyncio.ensure_future(off_loop(release.wait, WAIT_SECONDS))
    try:
        operations = [{"op": "replace", "path": "displayName", "value": "x" * 300}] * 20
        async with asyncio.timeout(WAIT_SECONDS / 2):
            await scim.scim("PATCH", places["Users"], _body(operations), status=204)
    finally:
        release.set()
        await document
    assert [each.rpartition("_")[0] for each in applied] == ["scim-changing"]


SCAN = "Users?filter=" + quote('displayName co "x"')
INDEXED = "Users?filter=" + quote('userName eq "bounded"')


async def test_few_searches_read_every_resource_at_a_time(
    scim: ScimServer, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most = 0, 0
    compared = storage.ProvisioningStorage._compared

    async def counted(*arguments: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(50):
            await asyncio.sleep(0)
        running -= 1
        return await compared(*arguments)

    monkeypatch.setattr(storage.ProvisioningStorage, "_compared", counted)
    answers = await asyncio.gather(*(scim.scim("GET", SCAN, status=200) for _ in range(8)))
    assert {each["totalResults"] for each in answers} == {answers[0]["totalResults"]}
    assert 1 <= most <= MOST_SCANS


async def test_a_search_whose_turn_does_not_come_is_told_to_try_again(
    scim: ScimServer, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = scim.server.services.administration.provisioning
    monkeypatch.setattr(requests, "_longest_wait", 0)
    for _ in range(MOST_SCANS):
        await requests._scans.acquire()
    try:
        headers = {"Authorization": f"Bearer {scim.key}"}
        async with scim.http.get(f"/scim/v2/{SCAN}", headers=headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "5")
            assert (await answer.json(content_type=None))["status"] == "429"
        assert (await scim.scim("GET", INDEXED, status=200))["totalResults"] == 1
        await scim.scim("GET", "Users?count=1", status=200)
    finally:
        for _ in range(MOST_SCANS):
            requests._scans.release()
    monkeypatch.undo()
    await scim.scim("GET", SCAN, status=200)
