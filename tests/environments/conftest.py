from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

import pytest

from posedeploy.environments import locations
from posedeploy.environments.add import add
from posedeploy.environments.table import TOOLCHAINS, Toolchain
from tests.environments.chains import place, tiny


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment of a toolchain without packages, really made; do not change it."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(locations.VARIABLE, str(folder / "a home" / "día"))
        environment, fresh = add(tiny(folder), installer="pip")
    assert fresh
    return environment.folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of toolchains, which has nothing yet and is not there; spaces and all."""
    folder = tmp_path / "my toolchains ü"
    monkeypatch.setenv(locations.VARIABLE, str(folder))
    return folder


@pytest.fixture
def chain(home: Path, made: Path, tmp_path: Path) -> Toolchain:
    """A toolchain that is there and whole."""
    toolchain = tiny(tmp_path)
    place(made, toolchain)
    return toolchain


@pytest.fixture(scope="session")
def onnx2tf_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of toolchains with the true onnx2tf in it, added once for all workers of a session; or that
    of POSEDEPLOY_TEST_TOOLCHAINS, where it is kept from one session to the next."""
    pythons = TOOLCHAINS["onnx2tf"].pythons
    if sys.version_info[:2] not in pythons:
        pytest.skip(f"onnx2tf's pins are for Python {pythons}")
    named = os.environ.get("POSEDEPLOY_TEST_TOOLCHAINS")
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder = Path(named) if named else shared / "shared toolchains"
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, (folder / "lock").open("w") as lock:
        patch.setenv(locations.VARIABLE, str(folder))
        fcntl.flock(lock, fcntl.LOCK_EX)
        add(TOOLCHAINS["onnx2tf"])
    return folder


@pytest.fixture
def onnx2tf(onnx2tf_home: Path, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    """The true toolchain, whole."""
    monkeypatch.setenv(locations.VARIABLE, str(onnx2tf_home))
    return TOOLCHAINS["onnx2tf"]
