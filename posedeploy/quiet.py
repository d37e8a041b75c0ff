"""Keeping off the user's screen what packages print that no one asked for."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

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
def unlogged() -> Iterator[None]:
    """Nothing from any logger: torch's set the levels of theirs one by one."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


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
