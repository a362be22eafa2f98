"""Accepts that a log has lost records."""

import asyncio

import typer

from ambassador_server.bootstrap.server import build
from ambassador_server.config import ServerConfig


def run_acceptance(settings: ServerConfig, writer: str) -> None:
    """Record the acceptance in the log of the command line, and remove the anchor that the log contradicts."""
    typer.echo(asyncio.run(_accept(settings, writer)), err=True)


async def _accept(settings: ServerConfig, writer: str) -> str:
    # A server may be running and writing its log, so this command writes to its own log.
    ambassador = await build(settings, writer=settings.init_writer)
    try:
        loss = await ambassador.services.anchors.accept(writer)
    finally:
        await ambassador.close()
    return f"Accepted: {loss.sentence}."
