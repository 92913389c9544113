"""Migrations run once, whoever starts first."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from tandem_platform import migrations

_FIRST = '''
"""First tables."""
from alembic import op
from tandem_platform import platform_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    platform_tables.create(op)
    op.execute("CREATE TABLE thing (id bigint)")
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A service package with one revision."""
    versions = tmp_path / "migrating_service" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "migrating_service" / "__init__.py").touch()
    (versions / "0001_first.py").write_text(_FIRST)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "migrating_service"
    sys.modules.pop("migrating_service", None)


def test_replicas_that_start_together_migrate_once(database_url: str, package: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: migrations.upgrade(database_url, package), range(3)))
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM event_journal").fetchone() == (0,)
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [("0001",)]


def test_a_failing_revision_leaves_the_database_as_it_was(
    database_url: str, package: str, tmp_path: Path
) -> None:
    migrations.upgrade(database_url, package)
    broken = _FIRST.replace('"0001"', '"0002"').replace("None\n", '"0001"\n', 1)
    broken = broken.replace("platform_tables.create(op)", 'op.execute("CREATE TABLE half (i int)")')
    versions = tmp_path / "migrating_service" / "migrations" / "versions"
    (versions / "0002_broken.py").write_text(broken)
    # "thing" exists already: the second statement fails, the first must be undone.
    with pytest.raises(Exception, match="thing"):
        migrations.upgrade(database_url, package)
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
