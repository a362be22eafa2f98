"""A network between the client and its server that stalls, slows and cuts connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field

_PIECE = 1 << 16


@dataclass
class Link:
    """One connection through the network; stalled bytes are kept, and neither end is notified."""

    packet_bytes: int | None
    """Bytes per packet; None for all available bytes."""
    pause: float
    """Seconds between two packets."""
    answer_bytes: int | None = None
    """Bytes of answers that pass before the connection stalls; None for all."""
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    ends: list[asyncio.StreamWriter] = field(default_factory=list)


@dataclass
class FaultyNetwork:
    """Forwards bytes; connections stay open until one end closes them.

    `packet_bytes` and `pause` apply to new connections.
    """

    port: int
    url: str = ""
    packet_bytes: int | None = None
    pause: float = 0.0
    links: list[Link] = field(default_factory=list)

    def stall(self) -> None:
        """Stall the open connections; new ones work."""
        for link in self.links:
            link.flowing.clear()

    def resume(self) -> None:
        """Resume all connections."""
        for link in self.links:
            link.flowing.set()

    def reset(self) -> None:
        """Break the open connections; new ones work."""
        for link in self.links:
            for end in link.ends:
                end.transport.abort()
        self.links.clear()

    def stop_answers_after(self, number: int) -> None:
        """Stall each open connection after so many more bytes of answers."""
        for link in self.links:
            link.answer_bytes = number

    def slow_down(self, packet_bytes: int | None, pause: float) -> None:
        """Change the packet size and the pause of the open connections."""
        for link in self.links:
            link.packet_bytes, link.pause = packet_bytes, pause

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection until either end closes it."""
        link = Link(self.packet_bytes, self.pause)
        link.flowing.set()
        self.links.append(link)
        with closing(writer):
            there, back = await asyncio.open_connection("127.0.0.1", self.port)
            link.ends += [writer, back]
            with closing(back):
                directions = [
                    asyncio.create_task(_forward(link, reader, back)),
                    asyncio.create_task(_forward(link, there, writer, is_answer=True)),
                ]
                try:
                    await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for direction in directions:
                        direction.cancel()
                    await asyncio.wait(directions)


async def _forward(
    link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(_PIECE):
            while data:
                await link.flowing.wait()
                size = link.packet_bytes or len(data)
                if is_answer and link.answer_bytes is not None:
                    size = min(size, link.answer_bytes)
                    link.answer_bytes -= size
                    if link.answer_bytes == 0:
                        link.answer_bytes = None
                        link.flowing.clear()
                writer.write(data[:size])
                data = data[size:]
                await writer.drain()
                if link.packet_bytes is not None:
                    await asyncio.sleep(link.pause)
        await link.flowing.wait()


@asynccontextmanager
async def faulty_network(port: int) -> AsyncIterator[FaultyNetwork]:
    """Run a faulty network in front of the server at this port."""
    network = FaultyNetwork(port)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):  # cancelled at the end of the test
            await network.serve(reader, writer)
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    network.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield network
    finally:
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        await _turns()  # a server that closes meanwhile would leave a connection that was just accepted open
        server.close()
        network.reset()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(list(tasks))
        await _turns()  # what was closed or broken ends later


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
