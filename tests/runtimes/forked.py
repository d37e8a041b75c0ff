"""Call a function in a forked process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable


def in_forked_process(work: Callable[[], object]) -> str:
    """Call ``work`` in a forked process; return its result or its error as text."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        signal.alarm(20)  # what hangs ends by this signal
        try:
            message = str(work())
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
        os.write(writing, message.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        message = answer.read().decode()
    _, status = os.waitpid(child, 0)
    return message or f"ended by signal {status}"
