"""The terminal: results go to standard output, everything said about the way there to standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
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
from posedeploy.text_files import encode_json

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
def advancing(what: str) -> Iterator[Callable[[str, float], None]]:
    """Show that something goes on, and how far it is once that is told: the block gets a function to call
    with what is being done and how much of the whole is, 0 to 1."""
    with _progress(SpinnerColumn(), _description(), BarColumn(), TaskProgressColumn()) as progress:
        task = progress.add_task(what, total=None)

        def on_progress(doing: str, part: float) -> None:
            progress.update(task, description=f"{what}: {doing}", completed=part, total=1.0)

        yield on_progress


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


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a versioned result, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    check_json(path)
    files.write_text(path, msgspec.json.format(encode_json(document), indent=2).decode() + "\n")
    say(f"wrote {path}")
