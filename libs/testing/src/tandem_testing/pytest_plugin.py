"""Fixtures for every room: real Postgres, real NATS, a clock that stands still.

The servers start when the first test asks for them and are shared by the whole session; every
test gets a database, and a store of NATS, nobody used before.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tandem_core.clock import FixedClock

from tandem_testing.embedded_nats import EmbeddedNats
from tandem_testing.embedded_postgres import EmbeddedPostgres

INSTANT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """Folder of the session's servers; not pytest's own one, which only its owner may enter."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(server_dir: Path) -> Iterator[EmbeddedPostgres]:
    """The session's Postgres; a test that kills it starts it again."""
    server = EmbeddedPostgres(server_dir / "postgres", durable=False)
    server.start()
    yield server
    server.wipe()


@pytest.fixture
def database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """Address of an empty database for one test."""
    name = f"test_{secrets.token_hex(8)}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedPostgres) -> Callable[[str], str]:
    """Gives the name of a template database that carries a package's migrations, made once."""
    made: set[str] = set()

    def template_of(package: str) -> str:
        # Imported here: a plug-in is loaded by every pytest run, also by those without a database.
        import tandem_platform.migrations as migrations

        name = f"template_{package}"
        if name not in made:
            migrations.upgrade(postgres_server.create_database(name), package)
            made.add(name)
        return name

    return template_of


@pytest.fixture
def migrated_database(
    postgres_server: EmbeddedPostgres, migrated_template: Callable[[str], str]
) -> Iterator[Callable[[str], str]]:
    """Makes databases with the tables of a package, `migrated_database("tandem_order…")`."""
    names: list[str] = []

    def database_of(package: str) -> str:
        names.append(f"test_{secrets.token_hex(8)}")
        return postgres_server.create_database(names[-1], migrated_template(package))

    yield database_of
    for name in names:
        postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def nats_server(server_dir: Path) -> Iterator[EmbeddedNats]:
    """The session's NATS; tests use `nats_url`, or `fresh_nats` when they kill it."""
    server = EmbeddedNats(server_dir / "nats")
    server.start()
    yield server
    server.wipe()


@pytest.fixture
def fresh_nats(nats_server: EmbeddedNats) -> Iterator[EmbeddedNats]:
    """The session's NATS with an empty store, running again after the test whatever it did."""
    nats_server.wipe()
    nats_server.start()
    yield nats_server
    if not nats_server.running:
        nats_server.start()


@pytest.fixture
def nats_url(fresh_nats: EmbeddedNats) -> str:
    """Address of a NATS without any stream."""
    return fresh_nats.url


@pytest.fixture
def clock() -> FixedClock:
    """Stands at 2026-03-02 09:00 UTC until the test moves it."""
    return FixedClock(INSTANT)
