"""Ctrl-C and SIGTERM kept waiting while files are being replaced, which takes milliseconds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Hold these signals back until the block ends, and deliver each of them then.

    Python runs signal handlers in the main thread alone; in any other there is nothing to hold back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    try:
        with ExitStack() as restored:
            for number in NUMBERS:
                handler = signal.getsignal(number)
                if handler is not None:  # None: it was not set from Python, and could not be set again
                    restored.callback(signal.signal, number, handler)
                    signal.signal(number, lambda arriving, frame: arrived.append(arriving))
            yield
    finally:
        for arrival in dict.fromkeys(arrived):
            signal.raise_signal(arrival)
