"""Who leaves loses everything on every server: streams and calls in flight end, and the next call is refused."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY
from tests.end_to_end.leaving import Opened, open_everything
from tests.end_to_end.test_access_tokens import SECRET, URL, token
from tests.end_to_end.two_servers import DATABASES, session, two_servers
from tests.end_to_end.world import GROUP, Caller, Downstream, World, until
from tests.patience import PATIENCE
from tests.server.web.scim_server import PATCH, USER

STREAMS, CALLS = 50, 6
SLOW = "tools__slow"


@dataclass(frozen=True)
class Leaver:
    """A user whom an identity provider describes, and how the user calls the second server."""

    name: str
    scim_id: str
    key: Caller
    session: Caller
    token: Caller

    @property
    def ways(self) -> tuple[Caller, ...]:
        return (self.key, self.session, self.token)


@dataclass(frozen=True)
class Organisation:
    """Two servers, and the key by which an identity provider describes users to the first of them."""

    here: World
    there: World
    scim_key: str

    def scim(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.scim_key}"}
        response = httpx.request(
            method,
            f"{self.here.rig.admin_url}/scim/v2/{path}",
            json=body,
            headers=headers,
            timeout=PATIENCE,
            trust_env=False,
        )
        assert response.is_success, response.text
        return response.json() if response.content else None

    def leaver(self) -> Leaver:
        """Create a user by SCIM on the first server, who may call everything, and is known to the second one."""
        name = self.here.fresh("leaver")
        subject = f"subject of {name}"
        described = {"schemas": [USER], "userName": name, "externalId": subject}
        created = self.scim("POST", "Users", described)
        self.here.ask("PUT", f"groups/{GROUP}/members/{name}")
        issued = self.here.ask("POST", "keys", {"user": name, "name": "laptop"})
        opened = session(self.there, issued["preshared_key"])
        key = Caller(self.there.http, issued["preshared_key"])
        leaver = Leaver(name, created["id"], key, opened, Caller(self.there.http, token(name)))
        until(lambda: all(SLOW in way.names(LEGACY) for way in leaver.ways), "the second server knows all")
        return leaver


@pytest.fixture(scope="module", params=DATABASES)
def organisation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tools: Downstream
) -> Iterator[Organisation]:
    directory = tmp_path_factory.mktemp(request.param)
    with two_servers(directory, request.param, legacy_sse=True, limits=GENEROUS) as (here, there):
        secret = directory / "shared"
        secret.write_text(SECRET)
        issuer = {
            "url": URL,
            "audiences": ["ambassador"],
            "algorithms": ["HS256"],
            "key_source": "secret",
            "key_place": f"file://{secret}",
            "group_prefix": "realm.",
        }
        here.ask("PUT", "issuers/realm", issuer)
        issued = here.ask("POST", "admin-keys", {"name": "scim", "roles": ["scim"], "issuer": "realm"})
        here.ask("POST", "groups", {"name": GROUP})
        here.publish("tools", "streamable_http", {"url": tools.url})
        yield Organisation(here, there, issued["admin_key"])


def patch(organisation: Organisation, leaver: Leaver) -> None:
    operation = {"op": "replace", "path": "active", "value": False}
    organisation.scim("PATCH", f"Users/{leaver.scim_id}", {"schemas": [PATCH], "Operations": [operation]})


def delete(organisation: Organisation, leaver: Leaver) -> None:
    organisation.scim("DELETE", f"Users/{leaver.scim_id}")


def deactivate(organisation: Organisation, leaver: Leaver) -> None:
    organisation.here.ask("PATCH", f"users/{leaver.name}", {"status": "deactivated"})


def suspend(organisation: Organisation, leaver: Leaver) -> None:
    organisation.here.ask("PATCH", f"users/{leaver.name}", {"status": "suspended"})


@pytest.mark.parametrize("end", [patch, delete, deactivate, suspend], ids=lambda end: end.__name__)
def test_everything_open_on_another_server_ends(
    organisation: Organisation, tools: Downstream, end: Any, record_property: Any
) -> None:
    leaver, bystander = organisation.leaver(), organisation.leaver()
    stopped = _cancelled(bystander)
    arrived = tools.count()

    async def leave() -> tuple[float, Opened]:
        port = organisation.there.rig.ports["port"]
        async with AsyncExitStack() as stack, asyncio.timeout(2 * PATIENCE):
            leaving, staying = [
                await open_everything(
                    stack, port, key=each.key, session=each.session, token=each.token, tool=SLOW
                )
                for each in (leaver, bystander)
            ]
            assert (len(leaving.streams), len(leaving.calls)) == (STREAMS, CALLS - 1)
            await asyncio.to_thread(
                until, lambda: tools.count() == arrived + 2 * CALLS, "the calls are downstream"
            )
            assert not leaving.ends
            await asyncio.to_thread(end, organisation, leaver)
            began = time.monotonic()
            await asyncio.wait(leaving.tasks)
            await asyncio.to_thread(
                until, lambda: _cancelled(bystander) >= stopped + CALLS, "the calls are cancelled downstream"
            )
            assert not staying.ends
            for task in staying.tasks:
                task.cancel()
            return began, leaving

    began, leaving = asyncio.run(leave())
    for task in leaving.calls:
        assert task.result().failed, task.result()
    for way in leaver.ways:
        for face in FACES:
            assert not way.call(face, "tools__echo", {"text": "must not run"}).succeeded
    seconds = max(leaving.ends) - began
    record_property("seconds_until_all_has_ended", round(seconds, 3))
    print(
        f"{end.__name__}: all has ended after {seconds:.3f} s, the first after {min(leaving.ends) - began:.3f} s"
    )


def _cancelled(caller: Leaver) -> int:
    return int(caller.key.call(LEGACY, "tools__cancelled").text)
