"""Without a collector nothing of OpenTelemetry is loaded; with one, but without the extra, no server starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig import Rig

OFF = """
import asyncio, sys
from pathlib import Path
from ambassador_server.bootstrap.server import build
from ambassador_server.cli import server_process
from ambassador_server.config import ServerConfig
from ambassador_server.services.calls.pipeline import CallPipeline
from ambassador_server.storage.migrate import upgrade

async def main():
    config = ServerConfig(data_dir=Path(sys.argv[1]))
    await upgrade(config.store_url)
    server = await build(config, writer="main", telemetry=server_process.open_telemetry(config))
    app = server.client_app(None)
    assert type(server.services.calls.pipeline) is CallPipeline
    print(len(app.middlewares), [name for name in sys.modules if name.startswith(("opentelemetry", "requests"))])
    await server.close()

asyncio.run(main())
"""


def test_without_a_collector_nothing_is_imported_and_the_pipeline_is_the_plain_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFF, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "1 []\n", done.stderr


WITHOUT_EXTRA = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from ambassador_server.__main__ import main
sys.argv = ["ambassador-server", *sys.argv[1:]]
sys.exit(main())
"""


@pytest.mark.parametrize("command", ["serve", "check"])
def test_without_the_extra_the_start_is_refused_with_one_line(tmp_path: Path, command: str) -> None:
    file = tmp_path / "server.yaml"
    file.write_text("telemetry: {endpoint: 'http://127.0.0.1:4318'}\n")
    rig = Rig(tmp_path, tls=False, is_preloaded=True)
    rig.init()
    words = [command, "--data-dir", str(rig.data_dir), "--config", str(file)]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRA, *words], capture_output=True, text=True, timeout=60, check=False
    )
    text = done.stderr if command == "serve" else done.stdout
    assert done.returncode == (2 if command == "serve" else 1), done
    assert "opentelemetry is not installed; add the extra otel" in text
    assert "Traceback" not in done.stderr
    assert len([line for line in text.splitlines() if "otel" in line]) == 1
