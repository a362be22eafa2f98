"""Decodes raw tool arguments and results for the services."""

from typing import Any

import msgspec

from ambassador_server.errors import InvalidInputError


class _Result(msgspec.Struct):
    isError: Any = False


_result_decoder = msgspec.json.Decoder(_Result)


class MsgspecPayloads:
    """Implements `ports.payload.PayloadReader`."""

    def value(self, raw: bytes) -> Any:
        """Return the JSON value as a Python value. Raises InvalidInputError if it is not JSON."""
        try:
            return msgspec.json.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInputError("The arguments are not JSON") from error

    def is_error_result(self, raw: bytes) -> bool:
        """Tell whether a result has `isError: true`; a result that is not an object counts as an error."""
        try:
            return _result_decoder.decode(raw).isError is True
        except (msgspec.MsgspecError, RecursionError):
            return True
