"""Convert the user's errors to one line and exit status 1; a bug keeps its traceback."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from posedeploy.console.option_names import learn_options
from posedeploy.console.output import fail, show_logs
from posedeploy.console.path_checks import check_arguments
from posedeploy.console.ray_options import complete_ray
from posedeploy.errors import PoseDeployError
from posedeploy.plugins import missing_package

ARGUMENTS = "posedeploy.arguments"


class ErrorHandlingGroup(TyperGroup):
    """The group of all commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the arguments for ``invoke``, where errors become one line."""
        args = complete_ray(args)
        ctx.meta[ARGUMENTS] = tuple(args)
        learn_options(self)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with show_logs(), _catch_signals() as signals:
            try:
                check_arguments(ctx.meta[ARGUMENTS])
                return super().invoke(ctx)
            except typer.Exit:
                raise
            except BaseException as error:
                signals.is_handled = True
                message = _interrupt_message(error, signals.received) or _user_message(error)
                if message is None:
                    raise
                fail(message)
        raise SystemExit(1)


USER_ERRNOS = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)
"""Errors of the operating system that the paths of a user can cause."""
INTERRUPTED = "interrupted; no partial files remain, and existing files are unchanged"


def _interrupt_message(error: BaseException, signals: list[int]) -> str | None:
    """Return the message for Ctrl-C, even if a framework converted the exception; None for other errors."""
    if isinstance(error, KeyboardInterrupt) and str(error):  # raised while files were replaced
        return f"interrupted; {error}"
    return INTERRUPTED if signals or isinstance(error, KeyboardInterrupt) else None


def _user_message(error: BaseException) -> str | None:
    """Return the message for an error that the user can fix; None for other errors."""
    if isinstance(error, PoseDeployError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    if isinstance(error, OSError) and error.filename is not None and error.errno in USER_ERRNOS:
        return f"{error.filename}: cannot be used ({error.strerror})"
    if isinstance(error, ModuleNotFoundError) and (cause := missing_package(error)) is not error:
        return str(cause)
    return None


@dataclass
class _Signals:
    """The signals that were received. is_handled: the command has ended, and further ones are ignored."""

    received: list[int] = field(default_factory=list)
    is_handled: bool = False


@contextmanager
def _catch_signals() -> Iterator[_Signals]:
    """Raise ``KeyboardInterrupt`` for SIGINT and SIGTERM, so that partial files are removed.

    A second SIGTERM is ignored, because ``timeout`` signals both the process and its group.
    """
    signals = _Signals()

    def handle(number: int, frame: FrameType | None) -> None:
        signals.received.append(number)
        is_second = number == signal.SIGTERM and len(signals.received) > 1
        if not (is_second or signals.is_handled):
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
