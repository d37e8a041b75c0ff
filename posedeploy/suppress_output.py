"""Keeping off the user's screen what packages print that no one asked for."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

NATIVE = {"TF_CPP_MIN_LOG_LEVEL": "3", "LITERT_TORCH_SHOW_PROGRESS": "n"}
"""What silences LiteRT's own libraries, where they ask."""

_ONE_AT_A_TIME = threading.RLock()
"""What is changed here belongs to the whole process."""


@contextmanager
def quiet(*, native: bool = True) -> Iterator[None]:
    """Nothing on stderr, native libraries' remarks included, and no warnings of what is deprecated.

    Args:
        native: False leaves stderr as it is, for what takes so long that the user should see it go on.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings(), _environment():
        warnings.simplefilter("ignore")
        if not native:
            yield
            return
        _flush()
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            _flush()
            os.dup2(kept, 2)
            os.close(nowhere)
            os.close(kept)


def _flush() -> None:
    if sys.stderr is not None:  # a program without a terminal has none
        sys.stderr.flush()


@contextmanager
def only_errors(
    name: str, level: int = logging.ERROR, ignored: tuple[type[Warning], ...] = (Warning,)
) -> Iterator[None]:
    """Nothing below ``level`` from the logger of this name, and none of the ``ignored`` warnings."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(level)
    try:
        with warnings.catch_warnings():
            for category in ignored:
                warnings.simplefilter("ignore", category)
            yield
    finally:
        logger.setLevel(before)


@contextmanager
def unsaid() -> Iterator[None]:
    """Nothing that Python code logs, warns of or prints on stderr; progress goes on being shown.

    torch sets the level of each of its loggers, and prints what it has of a network that it refuses.
    """
    before, stderr = logging.root.manager.disable, sys.stderr
    logging.disable(logging.CRITICAL)
    sys.stderr = _Unsaid(stderr)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stderr = stderr
        logging.disable(before)


class _Unsaid(io.StringIO):
    """Takes what is printed. rich asks a stream that stands before another for that one."""

    def __init__(self, stderr: TextIO | None) -> None:
        super().__init__()
        self.rich_proxied_file = getattr(stderr, "rich_proxied_file", stderr)


@contextmanager
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in NATIVE}
    os.environ.update(NATIVE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
