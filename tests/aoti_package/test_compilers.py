"""The choice of a compiler, with real compilers and with stand-ins whose C++ library is too new."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
import torch

from posedeploy.aoti_package.build import PackageBuild
from posedeploy.aoti_package.compilers import choose_compiler, list_compilers, read_compiler
from posedeploy.aoti_package.cpp_library import (
    CppLibrary,
    find_loaded_path,
    format_versions,
    read_library,
    read_package_versions,
    read_versions,
)
from posedeploy.aoti_package.diagnosis import explain
from posedeploy.aoti_package.trial import TrialFailedError
from posedeploy.errors import ExportError

assert torch.__version__, "its libstdc++ is what is looked for"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set an empty PATH, and no compiler in CXX."""
    monkeypatch.delenv("CXX", raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def _stand_in(path: Path, name: str, glibcxx: str) -> None:
    """Write a compiler that links a libstdc++ with these symbols."""
    library = path / f"libstdc++ of {name}"
    library.write_bytes(f"\0GLIBCXX_3.4\0GLIBCXX_{glibcxx}\0CXXABI_1.3.13\0".encode())
    compiler = path / name
    compiler.write_text(
        f'#!/bin/sh\ncase "$1" in --version) echo "{name} 99.1";; *) echo "{library}";; esac\n'
    )
    compiler.chmod(0o755)


def _link(path: Path, name: str) -> None:
    real = shutil.which("g++", path="/usr/bin:/usr/local/bin:/bin")
    assert real, "AOTInductor's tests need g++"
    (path / name).symlink_to(real)


def test_the_first_compiler_with_a_fitting_library_is_chosen(path: Path) -> None:
    _stand_in(path, "g++", "3.4.99")
    _stand_in(path, "g++-98", "3.4.98")
    _link(path, "g++-12")
    (path / "g++-97").write_text("no program")
    assert choose_compiler().command == "g++-12"
    assert [compiler.command for compiler in list_compilers()] == ["g++", "g++-98", "g++-12"]


def test_an_older_library_fits_and_the_default_name_comes_first(path: Path) -> None:
    _stand_in(path, "g++", "3.4.5")
    _link(path, "g++-12")
    assert choose_compiler().command == "g++"


def test_a_folder_on_the_path_that_cannot_be_listed_is_skipped(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is too long replaces a folder without permission, which root can read."""
    _stand_in(path, "g++-98", "3.4.5")
    monkeypatch.setenv("PATH", os.pathsep.join([str(path / ("x" * 300)), str(path / "g++-98"), str(path)]))
    assert [compiler.command for compiler in list_compilers()] == ["g++-98"]


def test_if_none_fits_the_first_is_chosen(path: Path) -> None:
    _stand_in(path, "c++", "3.4.99")
    compiler = choose_compiler()
    assert (compiler.command, str(compiler)) == ("c++", "c++ 99.1")


def test_the_compiler_in_cxx_is_used_whatever_its_library(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(path, "mine", "3.4.99")
    _link(path, "g++")
    monkeypatch.setenv("CXX", str(path / "mine"))
    assert str(choose_compiler()) == f"{path}/mine 99.1 (from CXX)"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("/no/such/g++", "No such file or directory"),
        ("ccache g++", "No such file or directory"),
        ("/", "Permission denied"),
        ("failing", "Command .* returned non-zero exit status 3"),
        ("text", "Exec format error"),
        ("my g++", "torch does not support spaces"),
    ],
)
def test_a_compiler_in_cxx_that_does_not_run_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch, command: str, why: str
) -> None:
    _link(path, "g++")
    _link(path, "my g++")
    for name, content in (("failing", "#!/bin/sh\nexit 3\n"), ("text", "no program")):
        (path / name).write_text(content)
        (path / name).chmod(0o755)
    monkeypatch.setenv("CXX", command)
    message = rf"use the C\+\+ compiler in CXX: {re.escape(command)}: {why}.*; (set CXX|use a sym)"
    with pytest.raises(ExportError, match=message):
        choose_compiler()


def test_the_loaded_library_is_located_with_its_versions() -> None:
    libraries = find_loaded_path()
    assert libraries is not None and libraries.name.startswith("libstdc++.so")
    versions = read_library(libraries).versions
    assert set(versions) == {"GLIBCXX", "CXXABI"} and versions["GLIBCXX"] > (3, 4, 9)


def test_versions_are_compared_by_number() -> None:
    versions = read_versions(b"\0GLIBCXX_3.4.9\0GLIBCXX_3.4.30\0CXXABI_1.3\0CXXABI_TM_1\0GLIBCXX_3.4.99@")
    assert format_versions(versions) == "GLIBCXX_3.4.30, CXXABI_1.3"
    library = CppLibrary(Path("a"), versions)
    assert library.provides({"GLIBCXX": (3, 4, 9)}) and library.provides({})
    assert not library.provides({"GLIBCXX": (3, 4, 32)}) and not library.provides({"OTHER": (1,)})


def test_a_damaged_package_needs_no_versions(tmp_path: Path) -> None:
    (tmp_path / "a.pt2").write_text("text")
    assert read_package_versions(tmp_path / "a.pt2") == read_package_versions(tmp_path / "gone.pt2") == {}


@pytest.mark.parametrize(
    ("signal_number", "end"),
    [
        (11, "with CXX set to a compiler that links the C++ library that torch loads, such as g++"),
        (4, "the code contains an instruction that this processor lacks; export it again on this machine"),
        (9, "the system ended it, probably because memory ran out; free some memory and try again"),
    ],
)
def test_the_remedy_depends_on_the_signal_and_the_libraries(path: Path, signal_number: int, end: str) -> None:
    _link(path, "g++")
    failure = TrialFailedError("crash", "load", "", signal_number)
    build = PackageBuild((), "clang++ 3", {"GLIBCXX": (3, 4, 99)})
    text = explain(failure, path / "gone.pt2", build)
    assert (
        "compiled by clang++ 3 with a libstdc++ (GLIBCXX_3.4.99), needs no libstdc++ symbols, and torch"
        in text
    )
    assert text.endswith(end)


def test_a_compiler_without_libstdcxx_fits_nothing(path: Path) -> None:
    (path / "c++").write_text('#!/bin/sh\necho "${1#-print-file-name=}"\n')
    (path / "c++").chmod(0o755)
    compiler = read_compiler("c++")
    assert compiler.library is None
    assert not compiler.fits(CppLibrary(Path("a"), {"GLIBCXX": (9,)}))
