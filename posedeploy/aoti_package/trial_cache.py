"""Cache which packages passed their trial on this machine, so that each is tried only once.

Failures are not cached, since their cause may be fixed.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import astuple
from pathlib import Path

import msgspec

from posedeploy import files, native_code
from posedeploy.aoti_package.cpp_library import find_loaded_path
from posedeploy.aoti_package.trial import native_imports
from posedeploy.errors import OutputError
from posedeploy.user_folders import cache_home

VARIABLE = "POSEDEPLOY_CACHE"
"""The environment variable that names another cache folder."""

VERSION = 3
"""Version of the trial. Increase it to invalidate cached passes."""


def cache_folder() -> Path | None:
    """Return posedeploy's folder in the user's cache; None for a user without a home folder."""
    value = os.environ.get(VARIABLE)
    try:
        return Path(value).expanduser().absolute() if value else cache_home() / "posedeploy"
    except RuntimeError:
        return None


def has_passed(sha256: str, device: str, graph: bool) -> bool:
    """Return whether the package passed on this machine, for ``cpu`` or ``cuda``, in a process with the same
    imported packages; with ``graph``, as a CUDA graph too."""
    path = _path(sha256, device, graph)
    return path is not None and path.is_file()


def record_pass(sha256: str, device: str, graph: bool) -> str:
    """Record that the package passed on this machine.

    Returns:
        Why the pass could not be recorded; empty if it was.
    """
    path = _path(sha256, device, graph)
    if path is None:
        return f"the user has no home folder; set {VARIABLE} to a folder"
    try:
        files.write_text(path, "")
    except OutputError as error:
        return str(error)
    return ""


def _path(sha256: str, device: str, graph: bool) -> Path | None:
    folder = cache_folder()
    return folder and folder / "aoti" / _key(sha256, device, graph)


def _key(sha256: str, device: str, graph: bool) -> str:
    """Return a hash of everything that the result of a trial depends on."""
    library = find_loaded_path()
    state = library.stat() if library is not None else None
    facts = (
        VERSION,
        sha256,
        astuple(native_code.build_requirements(device)),
        str(library),
        (state.st_size, state.st_mtime_ns) if state else (),
        native_imports(),
        graph,
    )
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()
