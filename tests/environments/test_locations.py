from __future__ import annotations

import sys
from pathlib import Path

import pytest

from posedeploy.environments import locations
from posedeploy.environments.environment_specs import ENVIRONMENTS, environment_named
from posedeploy.errors import IsolatedEnvironmentError


def test_home_is_in_the_user_data_unless_the_variable_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(locations.VARIABLE, raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if sys.platform == "linux":
        assert locations.home() == tmp_path / ".local" / "share" / "posedeploy" / "environments"
        monkeypatch.setenv("XDG_DATA_HOME", "/data")
        assert locations.home() == Path("/data/posedeploy/environments")
    monkeypatch.setenv(locations.VARIABLE, "~/my environments")
    assert locations.home() == tmp_path / "my environments"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(locations.VARIABLE, "relative")
    assert locations.home() == tmp_path / "relative"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_has_a_script_and_exact_pins(name: str) -> None:
    spec = environment_named(name)
    assert spec.name == name
    assert spec.script.is_file()
    lines = spec.requirements.read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(line.count("==") == 1 for line in pins)
    installed = {pin.partition("==")[0].replace("-", "_") for pin in pins}
    assert set(spec.shown) <= installed


def test_an_unknown_environment_is_an_error() -> None:
    with pytest.raises(
        IsolatedEnvironmentError, match="no isolated environment is called 'tf'; available: onnx2tf"
    ):
        environment_named("tf")
