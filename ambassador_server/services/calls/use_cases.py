"""The use cases of clients for capabilities: list them and call them."""

from dataclasses import dataclass

from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.pipeline import CallPipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUseCases:
    """`catalog` lists what a principal may call, `pipeline` calls it."""

    catalog: Catalog
    pipeline: CallPipeline
