"""Stores the named contexts of this user; a context is a server and its CA file. Keys are stored separately."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ambassador_admin.errors import NotFoundError, SettingsError
from ambassador_client.account.atomic_files import remove_private_file, write_private_file
from ambassador_client.account.client_certificate import CertificatePlace
from ambassador_protocol.json_text import parse_object


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A named server; `ca_file` is None when the CAs of the system verify it.

    `identity` is the user or the admin key that has logged in, None in a context of an older version. `cert_file` and
    `cert_key_file` are the client certificate and its key, `cert_passphrase` is the reference of the passphrase.
    """

    name: str
    server: str
    ca_file: str | None = None
    identity: str | None = None
    cert_file: str | None = None
    cert_key_file: str | None = None
    cert_passphrase: str | None = None

    @property
    def certificate(self) -> CertificatePlace | None:
        """Return where the client certificate is; None without one."""
        if self.cert_file is None:
            return None
        return CertificatePlace(self.cert_file, self.cert_key_file, self.cert_passphrase)


class ContextStore:
    """The contexts, the name of the current one, and copies of their CA certificates, in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "contexts.json"

    def all(self) -> list[Context]:
        """Return the contexts, sorted by name."""
        return [self._contexts()[name] for name in sorted(self._contexts())]

    def current(self) -> str | None:
        """Return the name of the current context, or None."""
        current = self._read().get("current")
        return current if isinstance(current, str) and current in self._contexts() else None

    def get(self, name: str) -> Context:
        """Return the context of that name; raises NotFoundError."""
        found = self.find(name)
        if found is None:
            near = get_close_matches(name, self._contexts())
            hint = f"did you mean {' or '.join(near)}?" if near else "ambassador-admin context list"
            raise NotFoundError(f"There is no context {name!r}.", hint=hint)
        return found

    def find(self, name: str) -> Context | None:
        """Return the context of that name, or None."""
        return self._contexts().get(name)

    def save(
        self,
        *,
        name: str,
        server: str,
        ca_pem: str | None,
        identity: str | None = None,
        certificate: CertificatePlace | None = None,
    ) -> Context:
        """Store a context with a copy of its CA certificates, and make it the current one."""
        ca_path = self._ca_path(name)
        if ca_pem is not None:
            write_private_file(ca_path, ca_pem)
        ca_file = None if ca_pem is None else str(ca_path)
        cert_file, cert_key_file, cert_passphrase = certificate or (None, None, None)
        context = Context(
            name=name,
            server=server,
            ca_file=ca_file,
            identity=identity,
            cert_file=cert_file,
            cert_key_file=cert_key_file,
            cert_passphrase=cert_passphrase,
        )
        self._write(self._contexts() | {name: context}, name)
        if ca_pem is None:
            remove_private_file(ca_path)
        return context

    def use(self, name: str) -> Context:
        """Make a context the current one."""
        context = self.get(name)
        self._write(self._contexts(), name)
        return context

    def forget_certificate(self, name: str) -> None:
        """Forget where the client certificate of a context is; its files are left as they are."""
        context = replace(self.get(name), cert_file=None, cert_key_file=None, cert_passphrase=None)
        self._write(self._contexts() | {name: context}, self.current())

    def remove(self, name: str) -> None:
        """Delete a context; if it was the current one, no context is current."""
        self.get(name)
        current = self.current()
        rest = {other: context for other, context in self._contexts().items() if other != name}
        self._write(rest, None if current == name else current)
        remove_private_file(self._ca_path(name))

    def _ca_path(self, name: str) -> Path:
        return self._directory / f"{quote(name, safe='')}.ca.pem"

    def _contexts(self) -> dict[str, Context]:
        entries = self._read().get("contexts", {})
        try:
            return {name: Context(name=name, **entry) for name, entry in entries.items()}
        except (AttributeError, TypeError):
            raise self._damaged() from None

    def _read(self) -> dict[str, Any]:
        try:
            return parse_object(self._path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return {}  # also with a home such as /dev/null, in which nothing can be stored
        except OSError as error:
            raise SettingsError(f"{self._path} cannot be read: {error.strerror}.") from None
        except ValueError:
            raise self._damaged() from None

    def _write(self, contexts: Mapping[str, Context], current: str | None) -> None:
        entries = {name: asdict(contexts[name]) for name in sorted(contexts)}
        for entry in entries.values():
            del entry["name"]
        write_private_file(self._path, json.dumps({"current": current, "contexts": entries}, indent=2) + "\n")

    def _damaged(self) -> SettingsError:
        return SettingsError(f"{self._path} is damaged.", hint="delete it and log in again")
