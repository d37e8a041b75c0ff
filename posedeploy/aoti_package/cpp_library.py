"""The libstdc++ that torch has loaded, that of a compiler, and the versions that compiled code needs.

libstdc++ is only backward compatible: compiled code runs with the library of its compiler or a newer one.
With an older one it may fail to load or crash.
"""

from __future__ import annotations

import ctypes
import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from posedeploy.limits import MAX_LIBRARY_BYTES
from posedeploy.zip_files import read_member, zip_errors

MAPS = Path("/proc/self/maps")
"""The files that this process has mapped, on Linux."""

Versions: TypeAlias = dict[str, tuple[int, ...]]
"""The newest version of each kind of symbol: ``{"GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13)}``."""

_SYMBOL_VERSION = re.compile(rb"(GLIBCXX|CXXABI)_(\d+(?:\.\d+)+)\0")
_LIBRARY = re.compile(r"(/\S.*/libstdc\+\+\.so[^/]*)$")


@dataclass(frozen=True)
class CppLibrary:
    """A libstdc++, and the newest versions of its symbols."""

    path: Path
    versions: Versions

    def __str__(self) -> str:
        return f"{self.path} ({format_versions(self.versions)})"

    def provides(self, versions: Versions) -> bool:
        """Return whether it has symbols as new as these."""
        return all(self.versions.get(kind, ()) >= version for kind, version in versions.items())


def format_versions(versions: Versions) -> str:
    """Return versions as ``objdump`` prints them: ``GLIBCXX_3.4.30, CXXABI_1.3.13``."""
    names = (f"{kind}_{'.'.join(map(str, version))}" for kind, version in versions.items())
    return ", ".join(names) or "no libstdc++ symbols"


def find_loaded_path() -> Path | None:
    """Return the file of the libstdc++ that this process has loaded, with torch; None if it is unknown (other
    systems than Linux, or no libstdc++)."""
    if not MAPS.is_file():
        return None
    lines = MAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    paths = (Path(match[1]) for line in lines if (match := _LIBRARY.search(line)))
    return next((path for path in paths if path.is_file()), None)


def share_cpp_library() -> None:
    """Let libraries that are loaded later use the libstdc++ that torch uses.

    Some compilers link parts of their own libstdc++ into the code. If Python packages loaded torch's, only
    they see its symbols, and code with parts of another one fails or crashes as soon as both meet, as in
    ``std::regex``.
    """
    path = find_loaded_path()
    if path is not None:
        ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD | os.RTLD_GLOBAL)


def read_library(path: Path) -> CppLibrary:
    """Return a libstdc++ with the versions that it defines.

    Raises:
        OSError: it cannot be read.
    """
    return CppLibrary(path, read_versions(path.read_bytes()))


def read_versions(content: bytes) -> Versions:
    """Return the newest symbol version of each kind in a compiled file: those that a libstdc++ defines, or
    that other code needs."""
    newest: Versions = {}
    for kind, version in _SYMBOL_VERSION.findall(content):
        numbers = tuple(int(part) for part in version.split(b"."))
        newest[kind.decode()] = max(numbers, newest.get(kind.decode(), ()))
    return newest


def read_package_versions(package: Path) -> Versions:
    """Return the versions that the code in a package needs; empty if the package is damaged or has no
    code."""
    newest: Versions = {}
    try:
        with zip_errors(), zipfile.ZipFile(package) as archive:
            for info in archive.infolist():
                if info.filename.endswith(".so"):
                    content = read_member(archive, info, MAX_LIBRARY_BYTES)
                    for kind, version in read_versions(content).items():
                        newest[kind] = max(version, newest.get(kind, ()))
    except (zipfile.BadZipFile, OSError):
        return {}
    return newest
