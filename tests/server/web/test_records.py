"""Each application has the use cases of its own callers and no others."""

from pathlib import Path

from aiohttp import web

from ambassador_server.bootstrap.server import build
from ambassador_server.config import ServerConfig
from ambassador_server.storage.migrate import upgrade
from ambassador_server.web.admin import app_keys as admin_keys
from ambassador_server.web.client import app_keys as client_keys


def _keys(module: object) -> list[web.AppKey[object]]:
    return [value for value in vars(module).values() if isinstance(value, web.AppKey)]


async def test_applications_share_no_use_cases(tmp_path: Path) -> None:
    config = ServerConfig(data_dir=tmp_path, tls="off")
    await upgrade(config.store_url)
    server = await build(config, writer="test")
    try:
        for app, own, foreign in (
            (server.client_app(None), client_keys, admin_keys),
            (server.admin_app(None), admin_keys, client_keys),
        ):
            carried = {id(value) for key, value in app.items() if isinstance(key, web.AppKey)}
            assert [str(key) for key in _keys(own) if key not in app] == []
            assert [str(key) for key in _keys(foreign) if key in app] == []
            other = server.admin_app(None) if own is client_keys else server.client_app(None)
            assert carried.isdisjoint({id(other[key]) for key in _keys(foreign)})
    finally:
        await server.close()
