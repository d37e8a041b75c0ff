"""The contract of a reader of untrusted bytes: it returns a value or raises a one-line error."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from posedeploy.errors import PoseDeployError
from posedeploy.printable import MAX_MESSAGE, printable

Kind: TypeAlias = Literal["traceback", "message", "memory", "hang", "crash"]
Read: TypeAlias = Callable[[Path], object]


@dataclass(frozen=True)
class Finding:
    """A violation of the contract. place: the innermost line of posedeploy, which identifies it."""

    kind: Kind
    what: str
    place: str = ""


def attempt(read: Read, path: Path) -> Finding | PoseDeployError | None:
    """Read a file; return None if the reader returned a value, its ``PoseDeployError``, or the violation."""
    try:
        read(path)
    except PoseDeployError as error:
        return _check_message(error)
    except MemoryError as error:
        return Finding("memory", _describe(error), _place_of(error))
    except Exception as error:
        return Finding("traceback", _describe(error), _place_of(error))
    return None


def _check_message(error: PoseDeployError) -> Finding | PoseDeployError:
    message = str(error)
    if not message or printable(message) != message:
        return Finding("message", f"not one printable line: {message!r:.200}", _place_of(error))
    if len(message) > MAX_MESSAGE + 100:  # for the note on the omitted characters
        return Finding("message", f"{len(message)} characters: {message:.200}", _place_of(error))
    return error


def _describe(error: BaseException) -> str:
    return printable(f"{type(error).__name__}: {error}")[:300]


def _place_of(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/posedeploy/" in frame.filename] or list(frames)
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
