from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from posedeploy import contracts
from posedeploy.contract_template import COMMENTS, write_template
from posedeploy.errors import InputError
from posedeploy.families import decoder_poses_of, list_decodable, poses_of
from posedeploy.output_roles import required_roles
from posedeploy.poses.crops import BOX_FITS
from posedeploy.presets import list_presets, preset_path

PAGE = Path(__file__).parents[1] / "docs" / "own-network.md"


@pytest.mark.parametrize("family", list_decodable())
def test_a_template_is_a_contract_with_the_defaults_of_its_family(family: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(write_template(family))
    spec, default = contracts.read(tmp_path / "mine.toml"), poses_of(family)
    assert (spec.family, tuple(spec.roles)) == (family, required_roles(family))
    names = () if default.CONTRACT is None else COMMENTS
    values = [getattr(spec.contract, name) for name in names]
    assert values == [pytest.approx(getattr(default.CONTRACT, name)) for name in names]
    assert spec.keypoint_names == next(iter(default.JOINT_SETS.values())).joints
    if (decoder := decoder_poses_of(family)) is not None:
        assert spec.decoding.keys() == {field.name for field in fields(decoder.OPTIONS)}


@pytest.mark.parametrize("family", list_decodable())
def test_the_commented_lines_of_a_template_are_valid_toml(family: str) -> None:
    lines = write_template(family).splitlines()
    commented = [line.removeprefix("# ") for line in lines if line.startswith("# ") and " = " in line]
    tomllib.loads("\n".join(line for line in commented if not line.startswith("ROLE")))


@pytest.mark.parametrize("preset", list_presets())
def test_the_template_of_a_preset_is_its_file(preset: str) -> None:
    assert write_template(preset) == preset_path(preset).read_text(encoding="utf-8")


def test_an_unknown_name_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match=r"'heatmaps' \(nearest: heatmap\); the families are .*heatmap, "):
        write_template("heatmaps")


@pytest.mark.parametrize("family", list_decodable())
def test_the_page_describes_the_roles_and_defaults_of_a_family(family: str) -> None:
    (row,) = (line for line in PAGE.read_text(encoding="utf-8").splitlines() if f"| `{family}` |" in line)
    poses, decoder = poses_of(family), decoder_poses_of(family)
    words = [f"`{role}`" for role in poses.ROLES]
    words += [f"`{field.name}`" for field in fields(decoder.OPTIONS)] if decoder is not None else []
    words += [each.name for each in poses.JOINT_SETS.values()] if decoder is None else ["`keypoint_set`"]
    words += [f"`{poses.CONTRACT.fit}`"] if poses.CONTRACT is not None else []
    if poses.CONTRACT is not None and poses.CONTRACT.fit in BOX_FITS:
        words.append(f", {poses.CONTRACT.margin:g} |")
    assert [word for word in words if word not in row] == []
