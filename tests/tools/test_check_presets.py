"""The table of presets that ``tools/check_presets.py`` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.presets import list_presets
from tools import preset_networks
from tools.check_presets import PHOTO, Preset, check_preset


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_has_a_network(name: str) -> None:
    module, spec = getattr(preset_networks, name.replace("-", "_"))()
    assert not module.training
    assert spec.variant == name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vitpose", "rtmpose", "movenet", "rtmo"])
def test_a_preset_is_exported_and_compared(name: str, tmp_path: Path) -> None:
    cells = check_preset(Preset(name, tmp_path, ["onnx"], PHOTO))
    assert [cell.passed for cell in cells] == [True] * 4, cells
