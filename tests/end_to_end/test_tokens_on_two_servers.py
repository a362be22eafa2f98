"""Two servers on one database believe the same issuers, create a user once, and refuse whom one of them suspends."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.end_to_end import test_pins_on_two_servers
from tests.end_to_end.faces import FACES, LEGACY
from tests.end_to_end.test_access_tokens import SECRET, URL, token
from tests.end_to_end.world import Caller, World, until

servers = test_pins_on_two_servers.servers


def test_a_user_is_created_once_and_refused_everywhere(servers: tuple[World, World], tmp_path: Path) -> None:
    here, there = servers
    (tmp_path / "shared").write_text(SECRET)
    issuer = {
        "url": URL,
        "audiences": ["ambassador"],
        "algorithms": ["HS256"],
        "key_source": "secret",
        "key_place": f"file://{tmp_path / 'shared'}",
        "group_prefix": "realm.",
        "creates_users": True,
    }
    here.ask("PUT", "issuers/realm", issuer)
    secret = token("newcomer")
    callers = [Caller(world.http, secret) for world in servers]
    until(lambda: there.ask("GET", "issuers")["items"], "the other server has read the issuer")
    until(lambda: status(callers[1], token("probe")) == 200, "the other server believes it")
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: status(callers[number % 2], secret), range(16)))
    assert found == [200] * 16
    assert len([each for each in here.ask("GET", "users")["items"] if each["name"] == "newcomer"]) == 1
    here.ask("PATCH", "users/newcomer", {"status": "suspended"})
    for caller in callers:
        until(lambda caller=caller: status(caller, secret) == 401, "the user is refused")
        for face in FACES:
            assert caller.send(face.listing(secret)).status_code == 401
    here.ask("PATCH", "users/newcomer", {"status": "active"})
    until(lambda: status(callers[1], secret) == 200, "the user is back")
    here.ask("DELETE", "issuers/realm")
    until(lambda: status(callers[1], secret) == 401, "the issuer is gone")


def status(caller: Caller, secret: str) -> int:
    return caller.send(LEGACY.listing(secret)).status_code
