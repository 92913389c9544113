"""The manifest of a connector: identity, doors, limits, personal data; validated at start."""

from importlib import resources
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Webhooks(_Part):
    """The topics taken and the largest body, in bytes."""

    topics: list[str]
    body_bytes_max: Annotated[int, Field(gt=0, le=5 * 1024 * 1024)]
    signature: str


class Files(_Part):
    """The file name patterns taken and the largest content, in bytes."""

    patterns: list[str]
    content_bytes_max: Annotated[int, Field(gt=0, le=8 * 1024 * 1024)]


class Ingress(_Part):
    """How data comes in; `poll` lists streams."""

    webhook: Webhooks | None = None
    files: Files | None = None
    poll: list[str] = []


class Semantics(_Part):
    """How the source writes money and tax, and what it promises of delivery."""

    delivery: Literal["at_least_once", "at_most_once"]
    ordering: Literal["none", "per_stream"]
    money: Literal["decimal_text", "minor_units", "none"]
    tax: Literal["excluded", "included", "per_order_flag", "none"]


class Network(_Part):
    """Hosts a call out may reach; a connection's own base address is added by its settings."""

    hosts: list[str] = []


class Pii(_Part):
    """Paths of the raw payload that hold personal data."""

    paths: list[str] = []


class Manifest(_Part):
    """One connector. `version` is that of its translations and goes into every event."""

    connector: Name
    version: Version
    family: str
    summary: str
    ingress: Ingress = Ingress()
    egress: list[str] = []
    semantics: Semantics
    network: Network = Network()
    pii: Pii = Pii()
    quality: Literal["bronze", "silver", "gold"]

    @property
    def translator(self) -> str:
        """Name and version, as events carry it."""
        return f"{self.connector}/{self.version}"

    @property
    def document_kinds(self) -> frozenset[str]:
        """Every kind of document this connector says it takes."""
        webhook, files = self.ingress.webhook, self.ingress.files
        return frozenset(
            [
                *(webhook.topics if webhook else []),
                *(files.patterns if files else []),
                *self.ingress.poll,
            ]
        )

    @property
    def capabilities(self) -> list[str]:
        """For people, for example `webhook:orders/create`."""
        webhook, files = self.ingress.webhook, self.ingress.files
        named = [f"webhook:{topic}" for topic in (webhook.topics if webhook else [])]
        named += [f"file:{pattern}" for pattern in (files.patterns if files else [])]
        named += [f"poll:{stream}" for stream in self.ingress.poll]
        return sorted(named + [f"push:{action}" for action in self.egress])


def load_manifest(package: str) -> Manifest:
    """Reads `manifest.yaml` of a package; raises pydantic.ValidationError naming each field."""
    text = resources.files(package).joinpath("manifest.yaml").read_text("utf-8")
    return Manifest.model_validate(yaml.safe_load(text))
