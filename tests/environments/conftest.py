from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

import pytest

from posedeploy.environments import locations
from posedeploy.environments.add import add
from posedeploy.environments.environment_specs import ENVIRONMENTS, EnvironmentSpec
from tests.environments.tiny_environment import place, tiny


@pytest.fixture(scope="session")
def base_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install an environment without packages; tests link to its files and must not change them."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(locations.VARIABLE, str(folder / "a home" / "día"))
        environment, is_new = add(tiny(folder), installer="pip")
    assert is_new
    return environment.folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set a folder for isolated environments that does not exist yet, with spaces in its path."""
    folder = tmp_path / "my environments ü"
    monkeypatch.setenv(locations.VARIABLE, str(folder))
    return folder


@pytest.fixture
def installed(home: Path, base_environment: Path, tmp_path: Path) -> EnvironmentSpec:
    """Return an installed environment."""
    spec = tiny(tmp_path)
    place(base_environment, spec)
    return spec


@pytest.fixture(scope="session")
def onnx2tf_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Add the real onnx2tf environment once for all workers of a session. Set POSEDEPLOY_TEST_ENVIRONMENTS to
    keep it between sessions."""
    pythons = ENVIRONMENTS["onnx2tf"].pythons
    if sys.version_info[:2] not in pythons:
        pytest.skip(f"onnx2tf's pins are for Python {pythons}")
    named = os.environ.get("POSEDEPLOY_TEST_ENVIRONMENTS")
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder = Path(named) if named else shared / "shared environments"
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, (folder / "lock").open("w") as lock:
        patch.setenv(locations.VARIABLE, str(folder))
        fcntl.flock(lock, fcntl.LOCK_EX)
        add(ENVIRONMENTS["onnx2tf"])
    return folder


@pytest.fixture
def onnx2tf(onnx2tf_home: Path, monkeypatch: pytest.MonkeyPatch) -> EnvironmentSpec:
    """Return the real spec, with its environment installed."""
    monkeypatch.setenv(locations.VARIABLE, str(onnx2tf_home))
    return ENVIRONMENTS["onnx2tf"]
