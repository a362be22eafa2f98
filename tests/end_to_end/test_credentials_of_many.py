"""Many users of one MCP at once: whatever they do, nobody and nothing is shown the value of another.

`make soak` has a hundred of them.
"""

import json
import random
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.effort import SOAK
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY
from tests.end_to_end.test_lent_credentials import OF_PROGRAM, OF_REQUESTS, give, need, received, token_in
from tests.end_to_end.world import Caller, Person, World, downstream, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig

USERS = {"web": min(100, 40 * SOAK), "program": min(16, 8 * SOAK)}
STEPS = 4
OWNER = re.compile(r"value-of-(\d{3})")
"""Every value names its user."""


@pytest.fixture
def world(tmp_path: Path, prepared: Rig) -> Iterator[World]:
    """Run a server with an MCP over HTTP, which refuses some values and repeats them in the answer, and a program."""
    with (
        downstream(tmp_path, "--http", "--accepts", "Bearer good", server="echoing_server") as web,
        running(tmp_path, prepared, limits=GENEROUS) as started,
    ):
        need(started, "web", "streamable_http", {"url": web.url}, OF_REQUESTS)
        need(started, "program", "stdio", stdio_options("--", server="echoing_server"), OF_PROGRAM)
        for kind in USERS:
            first = started.person()
            give(started, first, kind, token="good-first")
            caller = started.session(first)
            until(lambda c=caller, k=kind: f"{k}__received" in c.names(LEGACY), f"{kind} lists its tools")
        yield started


@dataclass
class User:
    """One user, who does one thing after the other; `shown` is all that the server has answered."""

    number: int
    kind: str
    person: Person
    caller: Caller
    shown: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def work(self, world: World) -> None:
        chance = random.Random(self.number)
        for step in range(STEPS):
            good = self.kind == "program" or chance.random() < 0.8
            value = f"{'good' if good else 'bad'}-value-of-{self.number:03}-{step}"
            more = {"key": f"key-{value}"} if self.kind == "web" else {}
            give(world, self.person, self.kind, token=value, **more)
            face = chance.choice(FACES)
            if good:
                found = received(self.caller, self.kind, face)
                self.shown.append(json.dumps(found))
                if token_in(found) != value or (more and found["query"] != {"api_key": more["key"]}):
                    self.wrong.append(f"{found} instead of {value}")
            for tool in ("leak", "received" if not good else "no-such-tool"):
                answer = self.caller.call(face, f"{self.kind}__{tool}", {"note": f"note-{step}"})
                self.shown.append(json.dumps([answer.text, answer.body]))

    @property
    def others(self) -> list[str]:
        """Return what shows the value of another user."""
        return [text for text in self.shown if set(OWNER.findall(text)) - {f"{self.number:03}"}]


class ProcessLists:
    """Reads the command lines of all processes until it is stopped, and keeps those with a value."""

    def __init__(self) -> None:
        self.found: set[bytes] = set()
        self.reads = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "ProcessLists":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._over.wait(0.2):
            self.reads += 1
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = file.read_bytes()
                except OSError:
                    continue
                if b"value-of-" in line:
                    self.found.add(line)


@pytest.mark.soak
def test_nobody_and_nothing_is_shown_the_value_of_another(world: World) -> None:
    kinds = [kind for kind, count in USERS.items() for _ in range(count)]
    people = [world.person() for _ in kinds]
    users = [
        User(number, kind, person, world.session(person))
        for number, (kind, person) in enumerate(zip(kinds, people, strict=True))
    ]
    random.Random(9).shuffle(users)
    with ProcessLists() as lists, ThreadPoolExecutor(12) as pool:
        _ = list(pool.map(lambda user: user.work(world), users))
    assert [user.wrong for user in users if user.wrong] == []
    assert [user.others for user in users if user.others] == []
    assert all(OWNER.search(" ".join(user.shown)) for user in users), "each was shown the own value"
    assert lists.reads
    assert lists.found == set()
    answers = [f"mcps/{kind}{more}" for kind in USERS for more in ("", "/logs", "/tools")]
    texts = {
        path: json.dumps(world.ask("GET", path)) for path in (*answers, "credentials", "credentials/status")
    }
    assert "[redacted]" in texts["mcps/program/logs"], "programs have written their values"
    texts |= {"events": json.dumps(world.events()), "log": world.log_text()}
    assert world.rig.stop() == 0
    for file in world.rig.data_dir.rglob("*"):
        if file.is_file():
            texts[str(file)] = file.read_bytes().decode(errors="replace")
    assert [f"{place}: {match[0]}" for place, text in texts.items() if (match := OWNER.search(text))] == []
