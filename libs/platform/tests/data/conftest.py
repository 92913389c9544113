"""Databases with the platform's tables, and a bus per test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from tandem_platform import platform_tables
from tandem_platform.jetstream import JetStream
from tandem_testing.embedded_postgres import EmbeddedPostgres

# What the tests' services own: aggregates with versions, and a projection that refuses doubles.
_OWN_TABLES = """
CREATE TABLE counter (id text PRIMARY KEY, version bigint NOT NULL);
CREATE TABLE projection (
    agg_id text NOT NULL, version bigint NOT NULL, reason text NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (agg_id, version));
CREATE TABLE effect (id text PRIMARY KEY, value text NOT NULL);
"""


@pytest.fixture(scope="session")
def platform_template(postgres_server: EmbeddedPostgres) -> str:
    name = "template_platform"
    postgres_server.create_database(name)
    with postgres_server.connect(name) as connection:
        platform_tables.create(_Runs(connection))
        connection.execute(_OWN_TABLES)
    return name


class _Runs:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def execute(self, sqltext: str) -> None:
        self._connection.execute(sqltext.encode())


class Databases:
    """Makes databases of one test."""

    def __init__(self, server: EmbeddedPostgres, template: str) -> None:
        self._server = server
        self._template = template
        self.names: list[str] = []

    def new(self) -> str:
        self.names.append(f"test_{secrets.token_hex(8)}")
        return self._server.create_database(self.names[-1], self._template)


@pytest.fixture
def databases(postgres_server: EmbeddedPostgres, platform_template: str) -> Iterator[Databases]:
    made = Databases(postgres_server, platform_template)
    yield made
    for name in made.names:
        postgres_server.drop_database(name)


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[JetStream]:
    connection = JetStream(nats_url, "test")
    await connection.start()
    yield connection
    await connection.stop()
