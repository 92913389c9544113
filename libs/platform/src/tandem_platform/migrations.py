"""Brings a service's database to the newest revision when the service starts."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool
from tandem_core.ids import deterministic_id

LOCK_WAIT_S_MAX = 300
_HERE = Path(__file__).parent


def upgrade(database_url: str, package: str) -> None:
    """Applies what is missing of ``<package>/migrations/versions``; blocks.

    Replicas that start together take turns by an advisory lock, so each revision runs once.
    Raises sqlalchemy's OperationalError when the database cannot be reached.
    """
    engine = create_engine(database_url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            _lock(connection, package)
            command.upgrade(_config(connection, package), "head")
    finally:
        # Closing the session gives the lock back, also when a revision failed.
        engine.dispose()


def _lock(connection: Connection, package: str) -> None:
    connection.execute(text(f"SET lock_timeout = '{LOCK_WAIT_S_MAX}s'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _lock_key(package)})
    connection.execute(text("RESET lock_timeout"))
    connection.commit()


def _lock_key(package: str) -> int:
    return int(deterministic_id("migrations", package).replace("-", "")[:15], 16)


def _config(connection: Connection, package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE / "alembic_env"))
    versions = files(package) / "migrations" / "versions"
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
