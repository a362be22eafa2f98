"""The line that `key enrol` prints is all that a user needs."""

import shlex
import socket
from pathlib import Path

from tests.rig import Rig


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_pasted_line_logs_the_client_in(tmp_path: Path) -> None:
    port = _free_port()
    rig = Rig(tmp_path, is_preloaded=True, server_flags=("--port", str(port)))
    rig.init()
    rig.start()
    try:
        rig.admin("user", "create", "alice")
        line = rig.admin_json("key", "enrol", "alice")["login"]
        program, *words = shlex.split(line)
        assert (program, words[:2]) == ("ambassador-client", ["login", f"https://127.0.0.1:{port}"])
        assert words[2] == "--fingerprint"
        assert words[3].replace(":", "").upper() == rig.facts["ca_fingerprint"].replace(":", "")
        rig.run(program, *words)
        assert "alice" in rig.run("ambassador-client", "status").stdout
    finally:
        rig.stop()
