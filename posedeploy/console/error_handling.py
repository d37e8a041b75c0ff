"""The one place where the user's errors become one line and exit status 1; a bug keeps its traceback."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from posedeploy.console.option_names import learn_options
from posedeploy.console.output import fail, showing_logs
from posedeploy.console.path_checks import check_arguments
from posedeploy.errors import PoseDeployError
from posedeploy.plugins import missing_package

ARGUMENTS = "posedeploy.arguments"


class ErrorHandlingGroup(TyperGroup):
    """The group that all commands run in."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As of ``TyperGroup``; what was given is kept for ``invoke``, where errors become one line."""
        ctx.meta[ARGUMENTS] = tuple(args)
        learn_options(self)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command named."""
        with showing_logs(), _noticing_interrupts() as noticed:
            try:
                check_arguments(ctx.meta[ARGUMENTS])
                return super().invoke(ctx)
            except typer.Exit:
                raise
            except BaseException as error:
                message = _of_interrupt(error, noticed) or _of_user(error)
                if message is None:
                    raise
                fail(message)
        raise SystemExit(1)


NOT_FOR_US = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)
"""What the system says of paths that the user gave and no code of ours asks after first."""
INTERRUPTED = (
    "interrupted; files that were not finished are not there, and what they would have replaced is as it was"
)


def _of_interrupt(error: BaseException, noticed: list[int]) -> str | None:
    """What to report of Ctrl-C, which it was whatever a framework made of it on the way up; None for any
    other error."""
    if isinstance(error, KeyboardInterrupt) and str(error):  # from where files are replaced
        return f"interrupted; {error}"
    return INTERRUPTED if noticed or isinstance(error, KeyboardInterrupt) else None


def _of_user(error: BaseException) -> str | None:
    """What to tell of an error that is the user's to mend; None for any other."""
    if isinstance(error, PoseDeployError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    if isinstance(error, OSError) and error.filename is not None and error.errno in NOT_FOR_US:
        return f"{error.filename}: cannot be used ({error.strerror})"
    if isinstance(error, ModuleNotFoundError) and (cause := missing_package(error)) is not error:
        return str(cause)
    return None


@contextmanager
def _noticing_interrupts() -> Iterator[list[int]]:
    """A list that is empty until Ctrl-C is pressed or the process told to end (SIGTERM); both then raise
    ``KeyboardInterrupt``, so that what is half-written goes, once a native call that is under way returns.

    A second signal does not disturb that: ``timeout`` signals the process and its group.
    """
    noticed: list[int] = []

    def notice(number: int, frame: FrameType | None) -> None:
        noticed.append(number)
        if number == signal.SIGTERM and len(noticed) > 1:
            return
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield noticed
        return
    before = {number: signal.signal(number, notice) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield noticed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
