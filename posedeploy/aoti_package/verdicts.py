"""Which packages passed their trial on this machine, in the user's cache, so that each is tried only once.

Only a pass is kept: what failed is tried again, since the reason may be gone.
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
"""The environment variable that names another folder for what can be made again."""

VERSION = 2
"""Of the trial: another one makes older verdicts void."""


def cache_folder() -> Path | None:
    """The folder of posedeploy in the user's cache; None for a user without a home."""
    named = os.environ.get(VARIABLE)
    try:
        return Path(named).expanduser().absolute() if named else cache_home() / "posedeploy"
    except RuntimeError:
        return None


def has_passed(sha256: str, device: str, graph: bool) -> bool:
    """Whether the package of this hash passed here, for ``CPU`` or ``cuda``, in a process that had imported
    the same packages; with ``graph``, as a CUDA graph."""
    path = _path(sha256, device, graph)
    return path is not None and path.is_file()


def keep_pass(sha256: str, device: str, graph: bool) -> str:
    """Keep that the package of this hash passed here.

    Returns:
        Why that could not be kept; empty where it could.
    """
    path = _path(sha256, device, graph)
    if path is None:
        return f"the user has no home folder; name a folder in {VARIABLE}"
    try:
        files.write_text(path, "")
    except OutputError as error:
        return str(error)
    return ""


def _path(sha256: str, device: str, graph: bool) -> Path | None:
    folder = cache_folder()
    return folder and folder / "aoti" / _key(sha256, device, graph)


def _key(sha256: str, device: str, graph: bool) -> str:
    """A hash of all that decides whether the package runs."""
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
