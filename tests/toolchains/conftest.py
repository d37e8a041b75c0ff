from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.toolchains import places
from posedeploy.toolchains.add import add
from posedeploy.toolchains.table import Toolchain
from tests.toolchains.chains import place, tiny


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment of a toolchain without packages, really made; do not change it."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(places.VARIABLE, str(folder / "a home" / "día"))
        environment, fresh = add(tiny(folder), installer="pip")
    assert fresh
    return environment.folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of toolchains, which has nothing yet and is not there; spaces and all."""
    folder = tmp_path / "my toolchains ü"
    monkeypatch.setenv(places.VARIABLE, str(folder))
    return folder


@pytest.fixture
def chain(home: Path, made: Path, tmp_path: Path) -> Toolchain:
    """A toolchain that is there and whole."""
    toolchain = tiny(tmp_path)
    place(made, toolchain)
    return toolchain
