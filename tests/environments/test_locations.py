from __future__ import annotations

import sys
from pathlib import Path

import pytest

from posedeploy.environments import locations
from posedeploy.environments.table import TOOLCHAINS, toolchain_named
from posedeploy.errors import ToolchainError


def test_the_folder_of_toolchains_is_among_the_users_data_unless_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(locations.VARIABLE, raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if sys.platform == "linux":
        assert locations.home() == tmp_path / ".local" / "share" / "posedeploy" / "toolchains"
        monkeypatch.setenv("XDG_DATA_HOME", "/data")
        assert locations.home() == Path("/data/posedeploy/toolchains")
    monkeypatch.setenv(locations.VARIABLE, "~/my chains")
    assert locations.home() == tmp_path / "my chains"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(locations.VARIABLE, "here")
    assert locations.home() == tmp_path / "here"


@pytest.mark.parametrize("name", TOOLCHAINS)
def test_a_toolchain_has_a_script_and_exact_pins(name: str) -> None:
    toolchain = toolchain_named(name)
    assert toolchain.name == name
    assert toolchain.script.is_file()
    lines = toolchain.requirements.read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(line.count("==") == 1 for line in pins)
    installed = {pin.partition("==")[0].replace("-", "_") for pin in pins}
    assert set(toolchain.shown) <= installed


def test_an_unknown_toolchain_is_refused_with_those_there_are() -> None:
    with pytest.raises(ToolchainError, match="no toolchain is called 'tf'; the toolchains are onnx2tf"):
        toolchain_named("tf")
