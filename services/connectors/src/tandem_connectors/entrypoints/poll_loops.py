"""One loop per stream that is polled."""

from tandem_platform.background_loop import BackgroundLoop

from tandem_connectors.application.poll_provider import PollProvider


def poll_loop(name: str, poll: PollProvider, interval_s: int) -> BackgroundLoop:
    """Reads all there is, then waits the connection's interval."""
    return BackgroundLoop(f"poll {name}", poll.round, interval_s=float(interval_s))
