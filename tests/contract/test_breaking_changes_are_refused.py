"""A released contract cannot be broken: buf compares the built image with the released one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RELEASED = sorted((ROOT / "proto" / "released").glob("*.binpb"))[-1]
ORDER = Path("tandem/order/v1/order.proto")


def breaking(proto: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    image = folder / "changed.binpb"
    generate = ROOT / "libs" / "contracts" / "generate.py"
    subprocess.run([sys.executable, generate, "--image-only", proto, image], check=True)
    buf = Path(sys.executable).with_name("buf")
    return subprocess.run(
        [buf, "breaking", image, "--path", "tandem", "--against", RELEASED],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def proto(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "proto", tmp_path / "proto"))


def change(proto: Path, before: str, after: str) -> None:
    path = proto / ORDER
    text = path.read_text()
    assert before in text, "the test must change something that is there"
    path.write_text(text.replace(before, after, 1))


def test_the_contracts_of_today_break_nothing(proto: Path, tmp_path: Path) -> None:
    done = breaking(proto, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_deleted_field_is_refused(proto: Path, tmp_path: Path) -> None:
    change(proto, "  string reservation_id = 18;\n", "")
    done = breaking(proto, tmp_path)
    assert done.returncode != 0
    assert '"18"' in done.stdout
    assert "deleted" in done.stdout


def test_a_changed_type_is_refused(proto: Path, tmp_path: Path) -> None:
    change(proto, "  int64 version = 7;", "  int32 version = 7;")
    done = breaking(proto, tmp_path)
    assert done.returncode != 0
    assert "changed type" in done.stdout


def test_an_added_field_is_accepted(proto: Path, tmp_path: Path) -> None:
    change(
        proto,
        "  string trace_id = 21;\n",
        "  string trace_id = 21;\n  // Added later.\n  string added_later = 99;\n",
    )
    done = breaking(proto, tmp_path)
    assert done.returncode == 0, done.stdout
