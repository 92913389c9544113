"""Servers started as children: they die with the parent, and their ends are waited for."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.01
_SETPRIV = shutil.which("setpriv") if sys.platform == "linux" else None
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ServerNotStarted(RuntimeError):
    """A server ended or stayed silent while it was started; carries the end of its log."""


@dataclass(frozen=True)
class Launch:
    """How a server is started. ``user`` and ``group`` are numeric ids, used only by root."""

    arguments: Sequence[str]
    log_file: Path
    death_signal: signal.Signals
    user: int | None = None
    group: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def launch(how: Launch) -> subprocess.Popen[bytes]:
    """Starts a server bound to the life of the calling *thread* (Linux counts that, not the
    process), so start servers from a thread that lives as long as they shall."""
    with how.log_file.open("ab") as log:
        return subprocess.Popen(
            [*_dying_with_parent(how.death_signal), *how.arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(how.environment) or None,
            # Ctrl-C goes to the whole process group; the supervisor alone decides the order
            # in which servers stop.
            start_new_session=True,
            preexec_fn=None if _SETPRIV else _dies_with_parent(how.death_signal),
            user=how.user,
            group=how.group,
            extra_groups=None if how.user is None else [],
        )


def _dying_with_parent(death_signal: signal.Signals) -> list[str]:
    """A command that asks for the signal and then becomes the server.

    Python code between fork and exec crashes a process whose gRPC threads hold locks just then;
    this way none runs. Where the command is missing, there is no other way.
    """
    name = death_signal.name.removeprefix("SIG")
    return [_SETPRIV, "--pdeathsig", name, "--"] if _SETPRIV else []


def _dies_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    prctl, number = _LIBC.prctl, int(death_signal)
    return lambda: prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def stop(
    process: subprocess.Popen[bytes], how: signal.Signals, wait_s: float, force: signal.Signals
) -> None:
    """Asks a child to end, forces it after ``wait_s`` seconds, and reaps it."""
    if process.poll() is None:
        process.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait_s)
    if process.poll() is None:
        process.send_signal(force)
    process.wait()


def end_orphan(pid_file: Path, executable: str, how: signal.Signals, wait_s: float) -> None:
    """Ends the server a killed parent may have left behind; removes its pid file.

    A pid alone proves nothing, since pids are reused: name and start must fit the file.
    """
    orphan = _owner_of(pid_file, executable)
    if orphan is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            orphan.send_signal(how)
        with contextlib.suppress(psutil.TimeoutExpired):
            orphan.wait(wait_s)
        with contextlib.suppress(psutil.NoSuchProcess):
            orphan.kill()
            orphan.wait(wait_s)
    pid_file.unlink(missing_ok=True)


def _owner_of(pid_file: Path, executable: str) -> psutil.Process | None:
    try:
        pid = int(pid_file.read_text().split()[0])
        process = psutil.Process(pid)
        started_before_file = process.create_time() <= pid_file.stat().st_mtime + 1
        fits = process.name() == executable and started_before_file
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if fits else None


def free_port() -> int:
    """A TCP port on 127.0.0.1 that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], log_file: Path, wait_s: float
) -> None:
    """Waits until a server is ready. Raises ServerNotStarted with the end of its log."""
    deadline = time.monotonic() + wait_s
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log_file.read_text(errors="replace")[-2000:]
            raise ServerNotStarted(f"{process.args!r} ended or stayed silent: {tail}")
        time.sleep(_POLL_S)


def accepts_connections(port: int) -> bool:
    """True when something listens on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
