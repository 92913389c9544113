"""The loop that translates what was received."""

from tandem_platform.background_loop import BackgroundLoop

from tandem_connectors.application.translate_received import TranslateReceived

# One round of the loop ends here at the latest, so that a stop is noticed under any load.
BATCHES_PER_ROUND_MAX = 1_000


def translation_loop(translate: TranslateReceived, interval_ms: int) -> BackgroundLoop:
    """Works until nothing is left, then waits to be woken."""

    async def work() -> None:
        for _ in range(BATCHES_PER_ROUND_MAX):
            if not await translate.round():
                return

    return BackgroundLoop("translate", work, interval_s=interval_ms / 1000)
