"""Suppress the output of packages."""

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
"""Environment variables that silence LiteRT's libraries."""

_LOCK = threading.RLock()
"""stderr, warnings and environment are global to the process."""


@contextmanager
def suppress_stderr(*, native: bool = True) -> Iterator[None]:
    """Suppress warnings and stderr, including the output of native libraries.

    Args:
        native: False keeps stderr, for long tasks that show their progress there.
    """
    with _LOCK, warnings.catch_warnings(), _environment():
        warnings.simplefilter("ignore")
        if not native:
            yield
            return
        _flush()
        original = os.dup(2)
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, 2)
            yield
        finally:
            _flush()
            os.dup2(original, 2)
            os.close(null)
            os.close(original)


def _flush() -> None:
    if sys.stderr is not None:  # None without a terminal
        sys.stderr.flush()


@contextmanager
def only_errors(
    name: str, level: int = logging.ERROR, ignored: tuple[type[Warning], ...] = (Warning,)
) -> Iterator[None]:
    """Suppress messages below ``level`` of the logger of this name, and the ``ignored`` warnings."""
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
def suppress_python_output() -> Iterator[None]:
    """Suppress what Python code logs, warns of or prints to stderr, but not progress bars.

    torch sets the level of each of its loggers, and prints parts of networks that it cannot export.
    """
    before, stderr = logging.root.manager.disable, sys.stderr
    logging.disable(logging.CRITICAL)
    sys.stderr = _NullStderr(stderr)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stderr = stderr
        logging.disable(before)


class _NullStderr(io.StringIO):
    """A stream that discards text. rich writes to its ``rich_proxied_file`` instead."""

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
