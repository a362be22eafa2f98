"""Runs the authorization server of the package pytest-iam (Canaille) in its own process and virtual environment.

Its only user is logged in and consents to everything. It compares redirect URIs letter by letter, also those of
commands, whose ports cannot be known before (RFC 8252): such a client gets the URI that it asks for. It prints its
port, and ends when its standard input is closed.
"""

import sys
import threading
import warnings

warnings.simplefilter("ignore")

import pytest_iam  # noqa: E402 - after the warnings of its libraries are off
from flask import request  # noqa: E402

port = pytest_iam.portpicker.pick_unused_port()
configuration = pytest_iam.iam_configuration.__wrapped__(None, port)
app = pytest_iam.create_app(config=configuration, env_file=".no-such-file", env_prefix="NO_SUCH_PREFIX_")
server = pytest_iam.Server(app, port, pytest_iam.Backend.instance)
user = server.random_user()
server.login(user)


@app.before_request
def consent() -> None:
    """Let the user consent to the client that asks."""
    if request.path == "/oauth/authorize":
        client = server.backend.get(server.models.Client, client_id=request.args["client_id"])
        if client is not None:
            asked = request.args.get("redirect_uri", "")
            if client.redirect_uris == ["http://127.0.0.1/callback"] and asked.startswith(
                "http://127.0.0.1:"
            ):
                client.redirect_uris = [asked]
                server.backend.save(client)
            server.consent(user, client)


threading.Thread(target=server.httpd.serve_forever, daemon=True).start()
print(port, flush=True)
sys.stdin.read()
