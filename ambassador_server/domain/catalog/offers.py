"""What a downstream offers besides tools: resources, templates of resources, prompts, and features of the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedResource:
    """One resource as its downstream describes it; `definition` is the unchanged JSON object."""

    uri: str
    name: str
    description: str
    mime_type: str
    definition: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceTemplate:
    """A template of URIs (RFC 6570) as its downstream describes it."""

    uri_template: str
    name: str
    description: str
    mime_type: str
    definition: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt as its downstream describes it."""

    name: str
    description: str
    definition: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DownstreamFeatures:
    """The server capabilities that a downstream declared, as far as hosts can use them through this server."""

    tools: bool = False
    resources: bool = False
    prompts: bool = False
    completions: bool = False
    logging: bool = False
    resource_subscriptions: bool = False
    tasks: bool = False

    def union(self, other: "DownstreamFeatures") -> "DownstreamFeatures":
        """Return the features that either has."""
        return DownstreamFeatures(
            tools=self.tools or other.tools,
            resources=self.resources or other.resources,
            prompts=self.prompts or other.prompts,
            completions=self.completions or other.completions,
            logging=self.logging or other.logging,
            resource_subscriptions=self.resource_subscriptions or other.resource_subscriptions,
            tasks=self.tasks or other.tasks,
        )


_TASKS: Final = "io.modelcontextprotocol/tasks"
NO_FEATURES: Final = DownstreamFeatures()


def read_features(capabilities: Mapping[str, Any]) -> DownstreamFeatures:
    """Return the features that declared server capabilities stand for."""
    resources, extensions = capabilities.get("resources"), capabilities.get("extensions")
    return DownstreamFeatures(
        tools="tools" in capabilities,
        resources="resources" in capabilities,
        prompts="prompts" in capabilities,
        completions="completions" in capabilities,
        logging="logging" in capabilities,
        resource_subscriptions=isinstance(resources, Mapping) and resources.get("subscribe") is True,
        tasks=isinstance(extensions, Mapping) and _TASKS in extensions,
    )
