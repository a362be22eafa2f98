"""TLS before a fake server: requires a client certificate, and tells clients why it refuses theirs.

The event loops of the fake servers drop the alert of a failed handshake; the server of this program sends it.
"""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.patience import PATIENCE


@contextmanager
def strict_front(context: ssl.SSLContext, port: int, authority_pem: str) -> Iterator[int]:
    """Require certificates of the authority before the server at this port; yield the port to connect to."""
    context.load_verify_locations(cadata=authority_pem)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, port), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):
        while True:
            accepted, _ = listener.accept()
            threading.Thread(target=_serve, args=(accepted, context, port), daemon=True).start()


def _serve(accepted: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError), accepted:
        accepted.settimeout(PATIENCE)
        tls = context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        with tls:
            try:
                tls.do_handshake()
            except ssl.SSLError:
                _let_it_be_read(tls)
                return
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
                _carry(tls, plain)


def _let_it_be_read(tls: ssl.SSLSocket) -> None:
    """Wait for the end of the client: closing before its request is read would drop the alert on its way."""
    raw = socket.socket(fileno=tls.detach())
    with raw:
        raw.settimeout(PATIENCE)
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(1 << 16):
            pass


def _carry(tls: ssl.SSLSocket, plain: socket.socket) -> None:
    while True:
        ready = [tls] if tls.pending() else select.select([tls, plain], [], [], PATIENCE)[0]
        for source in ready:
            data = source.recv(1 << 16)
            if not data:
                return
            (plain if source is tls else tls).sendall(data)
