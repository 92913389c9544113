"""A whole suite for tests: played by a worker while this thread watches and restarts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tandem_local.day import DayResult, TradingDay
from tandem_local.layout import SERVICES, Layout
from tandem_local.rest_client import RestClient
from tandem_local.suite import WATCH_SECONDS, Suite

PLAY_SECONDS_MAX = 240.0
SETTLE_SECONDS_MAX = 60.0

T = TypeVar("T")


class SuiteRun:
    """A running suite and what tests ask of it."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.rest = RestClient(suite.rest, suite.api_key)

    def while_watching(
        self, work: Callable[[], T], meanwhile: Callable[[float], None] | None = None
    ) -> T:
        """The result of ``work``, done by a worker; ``meanwhile`` is told the seconds gone by.

        Children die with the thread that started them, so restarts stay in this one. Raises what
        ``work`` raised, and TimeoutError after PLAY_SECONDS_MAX.
        """
        results: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(work())
            except BaseException as error:  # noqa: BLE001 - raised again by the caller
                errors.append(error)

        worker = threading.Thread(target=run, daemon=True)
        began = time.monotonic()
        worker.start()
        while worker.is_alive():
            gone = time.monotonic() - began
            if gone > PLAY_SECONDS_MAX:
                raise TimeoutError(f"not done after {gone:.0f} s")
            if meanwhile is not None:
                meanwhile(gone)
            self.suite.check()
            worker.join(WATCH_SECONDS)
        if errors:
            raise errors[0]
        return results[0]

    def play(self, number: int = 1, meanwhile: Callable[[float], None] | None = None) -> DayResult:
        """Plays a trading day."""
        day = TradingDay(self.rest, self.suite.provider, self.suite.layout, number, print)
        return self.while_watching(day.play, meanwhile)


@contextmanager
def running_suite(
    data: Path, *, extra: Mapping[str, str] | None = None, durable: bool = False
) -> Iterator[SuiteRun]:
    """A suite on a folder, stopped at the end; ``extra`` is environment of all services."""
    each = {service: dict(extra or {}) for service in SERVICES}
    suite = Suite(Layout(data), extra=each, durable=durable)
    try:
        suite.start()
        run = SuiteRun(suite)
        yield run
        run.rest.close()
    finally:
        suite.stop()
