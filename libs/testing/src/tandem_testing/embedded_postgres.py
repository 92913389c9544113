"""PostgreSQL 18 from the wheel, started on a data folder of ours."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from tandem_testing import child_process
from tandem_testing.unprivileged_home import Home, home_for, remove_home

SUPERUSER = "postgres"
START_WAIT_S = 60.0
STOP_WAIT_S = 20.0
_STARTS_MAX = 3

TUNING: Mapping[str, str] = {
    "shared_buffers": "128MB",
    "max_connections": "200",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "20s",
    "jit": "off",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "password_encryption": "scram-sha-256",
}
UNSAFE_AND_FAST: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class EmbeddedPostgres:
    """One server on ``data_dir``, on 127.0.0.1 and on a unix socket.

    A data folder is made on first use and continued on later ones. ``port`` 0 takes a free one
    and keeps it over restarts of this object. ``durable=False`` is for tests that never kill the
    machine: it survives kill -9 of the server, not a power failure.
    Raises child_process.ServerNotStarted when the server does not come up.
    """

    def __init__(self, data_dir: Path, port: int = 0, *, durable: bool = True) -> None:
        self.data_dir = data_dir
        self.port = port
        self._settings = {**TUNING, **({} if durable else UNSAFE_AND_FAST)}
        self._process: subprocess.Popen[bytes] | None = None
        self._password_file = data_dir.with_name(f"{data_dir.name}.password")
        self._log_file = data_dir.with_name(f"{data_dir.name}.log")
        # The path of a unix socket may have 107 bytes; data folders are often deeper.
        self._socket_dir = Path(tempfile.gettempdir()) / f"tandem-pg-{secrets.token_hex(6)}"

    @property
    def pid(self) -> int:
        """Process id of the running server. Raises RuntimeError when it is not running."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError("Postgres is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """True while the server process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the server and waits until it takes connections."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        home = home_for(self.data_dir)
        if not (home.data / "PG_VERSION").exists():
            self._initialise(home)
        child_process.end_orphan(
            home.data / "postmaster.pid", "postgres", signal.SIGQUIT, STOP_WAIT_S
        )
        self._make_socket_dir(home)
        fixed = self.port
        for attempt in range(_STARTS_MAX):
            self.port = fixed or child_process.free_port()
            try:
                self._launch(home)
            except child_process.ServerNotStarted:
                # A free port can be taken by another process before Postgres binds it.
                if fixed or attempt == _STARTS_MAX - 1:
                    raise
            else:
                return

    def stop(self) -> None:
        """Stops the server in order, open transactions rolled back."""
        self._end(signal.SIGINT)
        if self._socket_dir.exists():
            for entry in self._socket_dir.iterdir():
                entry.unlink()
            self._socket_dir.rmdir()

    def kill(self) -> None:
        """Ends the server at once, as a crash would; the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        """Stops and starts on the same port."""
        self._end(signal.SIGINT)
        self.start()

    def wipe(self) -> None:
        """Stops the server and removes all its data."""
        self.stop()
        remove_home(self.data_dir)
        self._password_file.unlink(missing_ok=True)

    def url(self, database: str = "postgres", role: str = SUPERUSER) -> str:
        """SQLAlchemy address of a database, by TCP."""
        password = self._password_of(role)
        return f"postgresql+psycopg://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def ensure_database(self, name: str) -> str:
        """Creates a role and a database owned by it, both called ``name``, if missing.

        Returns the address with that role. Other roles may not connect to it.
        """
        with self.connect() as connection:
            _ensure_role(connection, name, self._password_of(name))
            _ensure_owned_database(connection, name)
        return self.url(name, name)

    def create_database(self, name: str, template: str = "template1") -> str:
        """Creates a database of the superuser, for tests; returns its address."""
        with self.connect() as connection:
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drops a database, ending connections to it."""
        with self.connect() as connection:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(statement.format(sql.Identifier(name)))

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A superuser's connection in autocommit mode, by the unix socket."""
        return psycopg.connect(
            host=str(self._socket_dir),
            port=self.port,
            user=SUPERUSER,
            password=self._password_of(SUPERUSER),
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _initialise(self, home: Home) -> None:
        password = secrets.token_urlsafe(24)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(password)
        handed_over = home.data.with_name(f"{home.data.name}.initdb")
        handed_over.touch(mode=0o600)
        try:
            handed_over.write_text(password)
            if home.user is not None and home.group is not None:
                os.chown(handed_over, home.user, home.group)
            self._run_initdb(home, handed_over)
        finally:
            handed_over.unlink()

    def _run_initdb(self, home: Home, password_file: Path) -> None:
        command = [
            str(home.installation / "bin" / "initdb"),
            *("-D", str(home.data), "-U", SUPERUSER, "-A", "scram-sha-256"),
            f"--pwfile={password_file}",
            *("-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--locale=C", "--no-sync"),
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            user=home.user,
            group=home.group,
            extra_groups=None if home.user is None else [],
        )
        if done.returncode:
            raise child_process.ServerNotStarted(f"initdb: {done.stdout[-500:]}{done.stderr}")

    def _make_socket_dir(self, home: Home) -> None:
        self._socket_dir.mkdir(mode=0o755, exist_ok=True)
        if home.user is not None and home.group is not None:
            os.chown(self._socket_dir, home.user, home.group)

    def _launch(self, home: Home) -> None:
        options = {
            **self._settings,
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._socket_dir),
        }
        arguments = [str(home.installation / "bin" / "postgres"), "-D", str(home.data)]
        for key, value in options.items():
            arguments += ["-c", f"{key}={value}"]
        # SIGQUIT lets the postmaster end its children; after SIGKILL they would linger.
        self._process = child_process.launch(
            child_process.Launch(
                arguments, self._log_file, signal.SIGQUIT, user=home.user, group=home.group
            )
        )
        child_process.wait_until(self._ready, self._process, self._log_file, START_WAIT_S)

    def _ready(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            child_process.stop(self._process, how, STOP_WAIT_S, signal.SIGQUIT)
            self._process = None

    def _password_of(self, role: str) -> str:
        password = self._password_file.read_text()
        if role == SUPERUSER:
            return password
        # Derived, so that a second start knows it without another file to keep.
        return hmac.new(password.encode(), role.encode(), hashlib.sha256).hexdigest()[:32]


def _ensure_role(connection: psycopg.Connection, name: str, password: str) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    if found is None:
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Literal(password)))


def _ensure_owned_database(connection: psycopg.Connection, name: str) -> None:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    if found is not None:
        return
    named = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(named, named))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(named))
