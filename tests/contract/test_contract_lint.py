"""The contracts keep buf's rules and format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tandem_contracts import IMAGE_PATH

ROOT = Path(__file__).parents[2]
BUF = Path(sys.executable).with_name("buf")


def test_contracts_pass_standard_comments_and_unary_rules() -> None:
    done = subprocess.run(
        [BUF, "lint", IMAGE_PATH, "--path", "tandem"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_contracts_are_formatted() -> None:
    done = subprocess.run(
        [BUF, "format", "--diff", "--exit-code", "proto"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
