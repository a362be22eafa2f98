"""`file:///PATH`: a file on the server's machine, such as a mounted secret."""

from pathlib import Path

from ambassador_protocol.references import SecretReferenceError, read_secret_file


def check(place: str) -> None:
    """Raise SecretReferenceError for a path that depends on where the server was started."""
    if not place.startswith("/"):
        raise SecretReferenceError(f"'file://{place}' is not an absolute path: write file:///PATH")


def resolve(place: str) -> str:
    """Return the text of the file; raises SecretReferenceError."""
    check(place)
    return read_secret_file(Path(place))
