"""What stands between a proxy and its server, and does to their bytes what networks do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_PIECE = 1 << 16


@dataclass
class Passage:
    """One connection through it; what is held back here is not lost, and nobody is told of it."""

    bite: int | None
    """How many bytes pass at once, each time as a packet of its own; None for all there are."""
    pause: float
    """How many seconds there are between two bites."""
    answer_bytes: int | None = None
    """How many more bytes of answers pass before it stops; None for all."""
    flowing: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class BadNetwork:
    """Passes bytes on; connections stay open, at both ends, for as long as those who opened them want.

    `bite` and `pause` are those of the connections to come.
    """

    port: int
    url: str = ""
    bite: int | None = None
    pause: float = 0.0
    passages: list[Passage] = field(default_factory=list)

    def vanish(self) -> None:
        """Let no more bytes pass on the connections there are; later ones work."""
        for passage in self.passages:
            passage.flowing.clear()

    def come_back(self) -> None:
        """Let everything pass again."""
        for passage in self.passages:
            passage.flowing.set()

    def stop_answers_after(self, number: int) -> None:
        """Let so many more bytes of answers pass on the connections there are, and on no other."""
        for passage in self.passages:
            passage.answer_bytes = number

    def crawl(self, bite: int | None, pause: float) -> None:
        """Change the pace of the connections there are."""
        for passage in self.passages:
            passage.bite, passage.pause = bite, pause

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
        passage = Passage(self.bite, self.pause)
        passage.flowing.set()
        self.passages.append(passage)
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        ways = [
            asyncio.create_task(_carry(passage, reader, back)),
            asyncio.create_task(_carry(passage, there, writer, is_answer=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
            back.close()
            writer.close()


async def _carry(
    passage: Passage, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(_PIECE):
            while data:
                await passage.flowing.wait()
                size = passage.bite or len(data)
                if is_answer and passage.answer_bytes is not None:
                    size = min(size, passage.answer_bytes)
                    passage.answer_bytes -= size
                    if passage.answer_bytes == 0:
                        passage.answer_bytes = None
                        passage.flowing.clear()
                writer.write(data[:size])
                data = data[size:]
                await writer.drain()
                if passage.bite is not None:
                    await asyncio.sleep(passage.pause)
        await passage.flowing.wait()


@asynccontextmanager
async def bad_network(port: int) -> AsyncIterator[BadNetwork]:
    """Stand before the server at this port."""
    network = BadNetwork(port)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):  # by us alone, at the end
            await network.serve(reader, writer)
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    network.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield network
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(list(tasks))
