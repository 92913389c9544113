"""The embedded servers themselves: what they keep, what they survive, what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from tandem_testing.child_process import ServerNotStarted, end_orphan
from tandem_testing.embedded_nats import EmbeddedNats
from tandem_testing.embedded_postgres import EmbeddedPostgres


@pytest.fixture
def postgres(server_dir: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(server_dir / "own" / "postgres")
    server.start()
    yield server
    server.wipe()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[EmbeddedNats]:
    server = EmbeddedNats(tmp_path / "nats")
    server.start()
    yield server
    server.wipe()


def _dsn(url: str) -> str:
    return url.replace("+psycopg", "")


def test_rows_survive_a_kill_and_the_port_stays(postgres: EmbeddedPostgres) -> None:
    url = postgres.ensure_database("shop")
    with psycopg.connect(_dsn(url)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS x")
    postgres.kill()
    assert not postgres.running
    postgres.start()
    with psycopg.connect(_dsn(url)) as connection:
        assert connection.execute("SELECT x FROM kept").fetchall() == [(1,)]


def test_a_role_cannot_open_the_database_of_another(postgres: EmbeddedPostgres) -> None:
    postgres.ensure_database("orders")
    postgres.ensure_database("stock")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(_dsn(postgres.url("stock", role="orders")))


def test_ensuring_a_database_twice_keeps_it(postgres: EmbeddedPostgres) -> None:
    assert postgres.ensure_database("orders") == postgres.ensure_database("orders")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a shelter for Postgres")
def test_data_below_a_closed_folder_is_kept_elsewhere_and_wiped(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "postgres", durable=False)
    server.start()
    shelter = (closed / "postgres").resolve().parent
    assert (shelter / "data" / "PG_VERSION").exists()
    server.wipe()
    assert not shelter.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a shelter for Postgres")
def test_data_whose_link_was_removed_does_not_come_back(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "postgres", durable=False)
    server.start()
    server.ensure_database("old")
    server.stop()
    (closed / "postgres").unlink()
    server.start()
    with server.connect() as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'old'").fetchall()
    server.wipe()
    assert found == []


def test_a_store_of_nats_is_kept_over_a_kill_and_gone_after_a_wipe(nats: EmbeddedNats) -> None:
    (nats.data_dir / "store" / "mark").touch()
    port = nats.port
    nats.kill()
    nats.start()
    assert nats.port == port
    assert (nats.data_dir / "store" / "mark").exists()
    nats.wipe()
    nats.start()
    assert not (nats.data_dir / "store" / "mark").exists()


def test_a_taken_port_is_reported_with_the_log(nats: EmbeddedNats, tmp_path: Path) -> None:
    second = EmbeddedPostgres(tmp_path / "second", port=nats.port)
    with pytest.raises(ServerNotStarted):
        second.start()
    second.wipe()


_PARENT = """
import sys, time
from pathlib import Path
from tandem_testing.embedded_nats import EmbeddedNats
from tandem_testing.embedded_postgres import EmbeddedPostgres
folder = Path(sys.argv[1])
postgres = EmbeddedPostgres(folder / "postgres", durable=False)
nats = EmbeddedNats(folder / "nats")
postgres.start()
nats.start()
print(postgres.pid, nats.pid, flush=True)
time.sleep(60)
"""


def test_servers_die_with_a_killed_parent_and_start_again(server_dir: Path) -> None:
    folder = server_dir / "orphans"
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert len(gone) == 2
    assert alive == []
    again = EmbeddedPostgres(folder / "postgres", durable=False)
    again.start()
    again.wipe()


def test_a_pid_file_never_ends_a_process_it_does_not_belong_to(tmp_path: Path) -> None:
    pid_file = tmp_path / "server.pid"
    pid_file.write_text(str(os.getpid()))
    end_orphan(pid_file, "nats-server", signal.SIGKILL, wait_s=1)
    assert not pid_file.exists()
