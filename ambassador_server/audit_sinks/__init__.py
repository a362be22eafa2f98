"""Loads audit sinks by the `type` in the configuration, which is the name of a file in this folder."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, Protocol, cast

from pydantic import ValidationError

from ambassador_server.audit_sinks.shared.options import SinkOptions
from ambassador_server.errors import ConfigurationError
from ambassador_server.ports.audit_sink import AuditSink

_UNKNOWN = "extra_forbidden"


class SinkModule(Protocol):
    """What a file of this folder offers."""

    Options: type[SinkOptions]

    def build(self, options: Any) -> AuditSink:
        """Return an unconnected sink; raises ConfigurationError when a secret or file it refers to is missing."""
        ...


def known_sinks() -> list[str]:
    """Return every `type`, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)


def read_sinks(sinks: Any) -> tuple[SinkOptions, ...]:
    """Return the options of all sinks of a configuration; raises ConfigurationError as `read_options` does."""
    if not isinstance(sinks, list | tuple) or not all(isinstance(sink, dict | SinkOptions) for sink in sinks):
        raise ConfigurationError("audit.sinks: must be a list of sinks, each with its type and options")
    found = tuple(
        sink if isinstance(sink, SinkOptions) else read_options(sink, f"audit.sinks.{number}")
        for number, sink in enumerate(sinks)
    )
    names = [sink.name for sink in found]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ConfigurationError(f"audit.sinks.{number}.name: there is already a sink named {name!r}")
    return found


def read_options(options: Mapping[str, Any], place: str) -> SinkOptions:
    """Return the options of a sink; raises ConfigurationError naming the wrong option and the known ones."""
    word = options.get("type")
    if word not in known_sinks():
        raise ConfigurationError(
            f"{place}.type: {word!r} is no audit sink; known: {', '.join(known_sinks())}"
        )
    shape = options_of(word)
    try:
        return shape.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigurationError(_error_text(error, shape, place)) from None


def options_of(word: str) -> type[SinkOptions]:
    """Return the model of the options of a known sink type."""
    return _load(word).Options


def build_sink(options: SinkOptions) -> AuditSink:
    """Return an unconnected sink; raises ConfigurationError when a secret or file it refers to is missing."""
    return _load(options.type).build(options)


def _load(word: str) -> SinkModule:
    return cast(SinkModule, importlib.import_module(f"{__name__}.{word}"))


def _error_text(error: ValidationError, shape: type[SinkOptions], place: str) -> str:
    # Without the input, which may be a secret written here instead of a reference.
    found = error.errors(include_url=False, include_input=False)
    first = next((each for each in found if each["type"] == _UNKNOWN), found[0])
    where = ".".join([place, *(str(part) for part in first["loc"])])
    if first["type"] == _UNKNOWN:
        return f"{where}: there is no such option; known: {', '.join(shape.model_fields)}"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"
