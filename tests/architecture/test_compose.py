"""The container set-up fits the services.

It cannot be run where there is no container engine, so its structure is checked: every service has
an image, a database, a key and settings that exist.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tandem_local.layout import SERVICES

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    return found


def test_every_service_has_an_image_of_its_own(compose: dict[str, Any]) -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", (COMPOSE / "Dockerfile").read_text(), re.M))
    for service in SERVICES:
        assert compose["services"][service]["build"]["target"] == service
        assert service in targets


def test_every_service_has_its_own_database_role_and_key(compose: dict[str, Any]) -> None:
    script = (COMPOSE / "postgres" / "00_roles_and_databases.sql").read_text()
    for service in SERVICES:
        name = "tandem_" + service.replace("-", "_")
        environment = compose["services"][service]["environment"]
        assert environment["TANDEM_DATABASE_URL"].endswith(f"@postgres/{name}")
        assert f"CREATE DATABASE {name} OWNER {name};" in script
        assert environment["TANDEM_SIGNING_KEY_FILE"] == f"/keys/secrets/{service}.pem"


def test_every_setting_is_one_the_service_reads(compose: dict[str, Any]) -> None:
    import importlib

    for service in SERVICES:
        module = importlib.import_module(f"tandem_{service.replace('-', '_')}.settings")
        fields = {
            name
            for cls in vars(module).values()
            if isinstance(cls, type) and hasattr(cls, "model_fields")
            for name in cls.model_fields
        }
        for name in compose["services"][service]["environment"]:
            if name.startswith("TANDEM_"):
                assert name.removeprefix("TANDEM_").lower() in fields, f"{service}: {name}"


def test_no_image_floats(compose: dict[str, Any]) -> None:
    images = [s["image"] for s in compose["services"].values() if "image" in s]
    assert images
    assert all(":" in image and not image.endswith(":latest") for image in images)


def test_the_collector_hands_traces_to_jaeger() -> None:
    collector = yaml.safe_load((ROOT / "deploy" / "otel" / "collector.yaml").read_text())
    traces = collector["service"]["pipelines"]["traces"]
    assert traces["receivers"] == ["otlp"]
    assert all(name in collector["exporters"] for name in traces["exporters"])
    assert collector["exporters"]["otlp/jaeger"]["endpoint"] == "jaeger:4317"
