"""Defer Ctrl-C and SIGTERM while files are being replaced, which takes milliseconds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Defer these signals until the block ends.

    Python runs signal handlers in the main thread only, so other threads have nothing to defer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    try:
        with ExitStack() as restores:
            for number in NUMBERS:
                handler = signal.getsignal(number)
                if handler is not None:  # a handler that was not set from Python cannot be restored
                    restores.callback(signal.signal, number, handler)
                    signal.signal(number, lambda arriving, frame: arrived.append(arriving))
            yield
    finally:
        for arrival in dict.fromkeys(arrived):
            signal.raise_signal(arrival)
