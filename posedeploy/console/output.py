"""Output on the terminal: results on standard output, messages and progress on standard error."""

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
from posedeploy.backends import CHECKPOINT_SUFFIXES, is_named_like_model
from posedeploy.console.safe_console import SafeConsole
from posedeploy.errors import OutputError
from posedeploy.input_files import describe_special_file
from posedeploy.printable import printable
from posedeploy.text_files import format_json

MIN_BAR, MAX_BAR = 8, 40
"""The width of progress bars, in columns."""
TEXT_WIDTH = 72
"""The columns that are left for the text next to a bar, if the terminal has that many."""
out = SafeConsole(highlight=False)
err = SafeConsole(stderr=True, highlight=False)


def show(*tables: Table) -> None:
    """Print tables, with an empty line after each."""
    for table in tables:
        out.print(table)
        out.print()


def inform(message: str) -> None:
    """Print a remark."""
    err.print(printable(message), style="dim", soft_wrap=True, markup=False)


def warn(message: str) -> None:
    """Print a warning."""
    err.print("warning: " + printable(message), style="yellow", soft_wrap=True, markup=False)


def fail(message: str) -> None:
    """Print an error on one line."""
    err.print("error: " + printable(message), style="bold red", soft_wrap=True, markup=False)


@contextmanager
def show_spinner(activity: str) -> Iterator[None]:
    """Show an activity of unknown length."""
    with _progress(SpinnerColumn(), _description()) as progress:
        progress.add_task(activity, total=None)
        yield


@contextmanager
def show_count(activity: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a progress bar; the block gets a callback for the steps done and the total (None: unknown)."""
    with _progress(_description(), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task(activity, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def show_progress(title: str = "") -> Iterator[Callable[[str, float | None], None]]:
    """Show a progress bar; the block gets a callback for the activity and its share done (None: unknown)."""
    bar = BarColumn(max(MIN_BAR, min(MAX_BAR, err.width - TEXT_WIDTH)))
    with _progress(SpinnerColumn(), _description(), bar, TaskProgressColumn()) as progress:
        task = progress.add_task(title, total=None)

        def on_progress(activity: str, share: float | None) -> None:
            description = f"{title}: {activity}" if title else activity
            total = None if share is None else 1.0
            progress.update(task, description=description, completed=share or 0.0, total=total)

        yield on_progress


class _TerminalHandler(logging.Handler):
    """A handler that prints log records as remarks and warnings."""

    def emit(self, record: logging.LogRecord) -> None:
        show_record = warn if record.levelno >= logging.WARNING else inform
        show_record(record.getMessage())


@contextmanager
def show_logs() -> Iterator[None]:
    """Print the log records of the library."""
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
    return TextColumn("{task.description}", markup=False)  # contains the user's paths


def _progress(*columns: Any) -> Progress:
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def check_json(path: Path | None) -> None:
    """Check, before any measurement, that the result can be written.

    Raises:
        OutputError: the path is not a regular file, has the name of a model or a checkpoint, or its folder
            cannot be written.
    """
    if path is None:
        return
    if is_named_like_model(path) or path.name.lower().endswith(CHECKPOINT_SUFFIXES):
        raise OutputError(f"{path}: the name of a model or a checkpoint; pass a file for the JSON")
    if path.is_dir():
        raise OutputError(f"{path}: a folder; pass a file for the JSON")
    if path.exists() and (kind := describe_special_file(path.stat())) is not None:
        raise OutputError(f"{path}: {kind}; pass a file for the JSON")
    with files.staged(path.parent):
        pass


def write_json(path: Path, document: dict[str, Any] | str) -> None:
    """Write a versioned document, whole or not at all.

    Args:
        document: a dict, or the JSON of a report's ``to_json``.

    Raises:
        OutputError: the file cannot be written.
    """
    check_json(path)
    files.write_text(path, document if isinstance(document, str) else format_json(document))
    inform(f"wrote {path}")
