"""Ctrl-C says which changes were made and which were not."""

import signal
import socket

from tests.admin.shell import Shell
from tests.patience import PATIENCE


def _receive_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received or not received.endswith(b"}"):
        received += connection.recv(65536)
    return received


def test_interruption_before_the_answer_says_that_the_change_may_have_been_made(home: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        process = home.at(f"http://127.0.0.1:{listener.getsockname()[1]}").start("user", "create", "dave")
        connection, _ = listener.accept()
        with connection:
            assert b"POST /v1/admin/users" in _receive_request(connection)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == (
        "Interrupted before the answer to POST /v1/admin/users: that change may have been made, or not.\n"
    )


def test_interruption_of_a_command_that_changes_nothing_needs_no_words(home: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        process = home.at(f"http://127.0.0.1:{listener.getsockname()[1]}").start("user", "list")
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (130, "")
