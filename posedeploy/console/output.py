"""The terminal: results go to standard output, everything said about the way there to standard error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from posedeploy import files
from posedeploy.console.safe_console import SafeConsole
from posedeploy.errors import OutputError
from posedeploy.input_files import not_regular
from posedeploy.printable import printable
from posedeploy.text_files import format_json

out = SafeConsole(highlight=False)
err = SafeConsole(stderr=True, highlight=False)


def show(*tables: Table) -> None:
    """Tables, and an empty line after each."""
    for table in tables:
        out.print(table)
        out.print()


def say(message: str) -> None:
    """A remark on what is being done."""
    err.print(printable(message), style="dim", soft_wrap=True, markup=False)


def warn(message: str) -> None:
    """Something that the user should know and that is no error."""
    err.print("warning: " + printable(message), style="yellow", soft_wrap=True, markup=False)


def fail(message: str) -> None:
    """Why the command stops, on one line."""
    err.print("error: " + printable(message), style="bold red", soft_wrap=True, markup=False)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something of unknown length goes on."""
    with _progress(SpinnerColumn(), _description()) as progress:
        progress.add_task(what, total=None)
        yield


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar; the block gets a function to call with what is done and the whole (None: unknown)."""
    with _progress(_description(), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def advancing(what: str = "") -> Iterator[Callable[[str, float | None], None]]:
    """Show what is being done: the block gets a function to call with that and how much of it is done, 0 to
    1, or None where that is unknown."""
    with _progress(SpinnerColumn(), _description(), BarColumn(), TaskProgressColumn()) as progress:
        task = progress.add_task(what, total=None)

        def on_progress(doing: str, part: float | None) -> None:
            description = f"{what}: {doing}" if what else doing
            total = None if part is None else 1.0
            progress.update(task, description=description, completed=part or 0.0, total=total)

        yield on_progress


class _TerminalHandler(logging.Handler):
    """Shows what the library logs as remarks and warnings."""

    def emit(self, record: logging.LogRecord) -> None:
        show_record = warn if record.levelno >= logging.WARNING else say
        show_record(record.getMessage())


@contextmanager
def showing_logs() -> Iterator[None]:
    """Show on the terminal what the library logs."""
    logger, handler = logging.getLogger("posedeploy"), _TerminalHandler()
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before


def _description() -> TextColumn:
    return TextColumn("{task.description}", markup=False)  # it holds the user's paths


def _progress(*columns: Any) -> Progress:
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def check_json(path: Path | None) -> None:
    """Refuse, before anything is measured, a place where the result cannot be written.

    Raises:
        OutputError: the path is a folder, or its folder cannot be written.
    """
    if path is None:
        return
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file for the JSON")
    if path.exists() and (kind := not_regular(path.stat())) is not None:
        raise OutputError(f"{path}: {kind}; name a file for the JSON")
    with files.staged(path.parent):
        pass


def write_json(path: Path, document: dict[str, Any] | str) -> None:
    """Write a versioned result, whole or not at all.

    Args:
        document: as a dict, or as the JSON of a result's ``to_json``.

    Raises:
        OutputError: the file cannot be written.
    """
    check_json(path)
    files.write_text(path, document if isinstance(document, str) else format_json(document))
    say(f"wrote {path}")
