"""Budgets, rooms and what must never be committed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
NAMED_PATH = re.compile(r"`((?:libs|services|proto|tests|deploy)/[\w./-]+)`")
TOP_LEVEL = {
    "proto", "services", "libs", "tests", "deploy", "buf.yaml", "Makefile", "README.md",
    "pyproject.toml", "requirements.in", "requirements.txt", ".gitignore", ".ci",
}  # fmt: skip


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: there is no list of committed files")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


def python_files() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


def test_no_file_is_longer_than_its_budget() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in python_files()
        if (lines := len(path.read_text().splitlines())) > FILE_LINES_MAX
    }
    assert long == {}


def test_no_function_is_longer_than_its_budget() -> None:
    long = {}
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert long == {}


def test_the_top_level_is_fixed() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= TOP_LEVEL


def test_imports_follow_the_layers() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_no_generated_code_is_committed() -> None:
    assert [p for p in tracked() if re.search(r"_pb2(_grpc)?\.pyi?$", p.name)] == []


def test_no_lock_or_setting_names_a_registry() -> None:
    address = re.compile(r"https?://[^ ]*(simple|packages|registry|pypi|npmjs)")
    names = {".txt", ".in", ".toml", ".cfg", ".json", ".lock", ".yaml", ".yml"}
    found = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix in names and address.search(path.read_text(errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "room",
    ["proto", "tests", "deploy", "deploy/local"]
    + [str(p.parent.relative_to(ROOT)) for p in sorted(ROOT.glob("services/*/pyproject.toml"))]
    + [str(p.parent.relative_to(ROOT)) for p in sorted(ROOT.glob("libs/**/pyproject.toml"))],
)
def test_every_room_says_what_belongs_in_it(room: str) -> None:
    readme = ROOT / room / "README.md"
    assert readme.exists()
    assert len(readme.read_text().splitlines()) >= 3


def test_paths_named_in_readmes_exist() -> None:
    missing = []
    for readme in (p for p in tracked() if p.name == "README.md"):
        for name in re.findall(
            r"`((?:libs|services|proto|tests|deploy)/[\w./-]+)`", readme.read_text()
        ):
            if not (ROOT / name).exists() and not (readme.parent / name).exists():
                missing.append(f"{readme.relative_to(ROOT)}: {name}")
    assert missing == []
