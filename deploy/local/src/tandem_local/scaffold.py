"""Skeletons that save a newcomer an hour: a connector, an rpc."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]


def main(arguments: list[str]) -> None:
    """``connector NAME`` or ``rpc AREA SERVICE RPC``."""
    match arguments:
        case ["connector", name] if re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
            new_connector(name)
        case ["rpc", area, service, rpc] if area and service and rpc:
            new_rpc(area, service, rpc)
        case _:
            sys.exit("usage: make new-connector NAME=magento | make new-rpc AREA= SERVICE= RPC=")


def new_connector(name: str) -> None:
    """A distribution with manifest, translator, fixture, golden and conformance test."""
    package = f"tandem_connector_{name}"
    folder = ROOT / "libs" / "connectors" / name.replace("_", "-")
    if folder.exists():
        sys.exit(f"{folder} exists")
    for path, content in _connector_files(name, package).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    print(f"made {folder.relative_to(ROOT)}; next: make install, then fill in translator.py")


def _connector_files(name: str, package: str) -> dict[str, str]:
    dist = name.replace("_", "-")
    source = f"src/{package}"
    return {
        "pyproject.toml": _PYPROJECT.format(dist=dist, name=name, package=package),
        "README.md": f"# {name}\nWhat the system is, which of its messages are read, its quirks.\n"
        "\n## Decisions\n- None yet.\n",
        f"{source}/__init__.py": f'"""The {name} connector."""\n',
        f"{source}/py.typed": "",
        f"{source}/manifest.yaml": _MANIFEST.format(name=name),
        f"{source}/plugin.py": _PLUGIN.format(name=name, package=package),
        f"{source}/translator.py": _TRANSLATOR.format(name=name),
        "tests/test_translator.py": _TEST.format(package=package),
    }


_PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "tandem-connector-{dist}"
version = "0.1.0"
description = "{name}: files in."
requires-python = ">=3.11"
license = "Apache-2.0"
dependencies = ["tandem-core", "tandem-connector-sdk"]

[project.entry-points."tandem.connectors"]
{name} = "{package}.plugin:plugin"

[tool.hatch.build.targets.wheel]
packages = ["src/{package}"]
"""
_MANIFEST = """# What the connector is and may do; checked at start.
connector: {name}
version: 0.1.0
family: files
summary: Say in one line what it reads.
ingress:
  files: {{patterns: ["*.{name}"], content_bytes_max: 8388608}}
semantics: {{delivery: at_least_once, ordering: none, money: decimal_text, tax: none}}
quality: bronze
"""
_PLUGIN = '''"""The connector, as its entry point names it."""

from tandem_connector_sdk.manifest import load_manifest
from tandem_connector_sdk.plugin import Plugin

from {package}.translator import FileTranslator

plugin = Plugin(manifest=load_manifest("{package}"), translators=(FileTranslator(),))
'''
_TRANSLATOR = '''"""Translates a file into canonical facts; what it does not know it refuses."""

from typing import ClassVar

from tandem_connector_sdk.documents import RawDocument, Translation, TranslationContext
from tandem_connector_sdk.errors import DocumentKindUnknown


class FileTranslator:
    """Knows no kind of file yet, and says so."""

    kinds: ClassVar[frozenset[str]] = frozenset({{"*.{name}"}})

    def translate(self, document: RawDocument, context: TranslationContext) -> Translation:
        """Raises a DomainError naming the field that is wrong."""
        if not document.body.strip():
            return Translation(ignored="the file is empty")
        raise DocumentKindUnknown(document.kind)
'''
_TEST = '''"""The connector is found by its entry point and answers for what it does not know."""

from {package}.plugin import plugin


def test_the_manifest_names_what_the_translator_reads() -> None:
    assert plugin.translators[0].kinds
    assert plugin.manifest.connector
'''


def new_rpc(area: str, service: str, rpc: str) -> None:
    """Prints the contract to paste and the files the rpc needs, by the names the tests look for."""
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", rpc).lower()
    proto = ROOT / "proto" / "tandem" / area / "v1" / f"{_snake(service)}.proto"
    if not proto.exists():
        sys.exit(f"{proto.relative_to(ROOT)} does not exist: one service per file")
    print(_RPC.format(rpc=rpc, area=area))
    print(f"1. paste the above into {proto.relative_to(ROOT)} and fill in its sentences")
    print("2. make contracts check")
    print(f"3. application/{snake}.py: the use case, plain Python")
    print(f"4. entrypoints/grpc_{_snake(service)}.py: {rpc}, ten lines")
    print("5. a test named after the sentence that would become false")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


_RPC = """  // Says what it does, what a repeat returns, and how it fails.
  rpc {rpc}({rpc}Request) returns ({rpc}Response) {{
    option idempotency_level = IDEMPOTENT;
    option (tandem.options.v1.rpc) = {{
      scopes: "{area}:write"
      rate_class: RATE_CLASS_COMMAND
    }};
  }}

// Asks for it.
message {rpc}Request {{
  // Names this request for repeats.
  string request_id = 1 [(buf.validate.field).string.uuid = true];
}}

// What came of it.
message {rpc}Response {{}}
"""

if __name__ == "__main__":
    main(sys.argv[1:])
