from __future__ import annotations

import pytest

from posedeploy.joint_sets import JOINT_SETS
from posedeploy.specs import image_spec, joints_spec, unit_of


def test_maps_have_the_size_of_the_image_over_the_stride() -> None:
    spec = image_spec("lightweight-openpose-2d", "v", {"maps": 5}, {"heatmaps": "maps"}, stride=4)
    assert spec.outputs[0].shape == ("batch", 5, "height/4", "width/4")


def test_specs_of_joints_may_have_a_mesh() -> None:
    alone, whole = (joints_spec("gtrs", JOINT_SETS["human36"], vertices) for vertices in (None, 6890))
    assert [output.shape for output in alone.outputs] == [("batch", 17, 3)]
    assert [output.shape for output in whole.outputs] == [("batch", 6890, 3), ("batch", 17, 3)]
    assert (alone.unit, alone.contract, whole.roles.keys()) == ("mm", None, {"cam_mesh", "pose3d"})


@pytest.mark.parametrize(
    ("family", "roles", "unit"),
    [
        ("pose-hg-3d", ("hm",), "px"),
        ("pose-hg-3d", ("hm", "depth"), "mm"),
        ("pose-hg-3d", (), "mm"),
        ("lightweight-openpose-2d", ("heatmaps", "pafs"), "px"),
        ("mobile-human-pose", ("coord",), "mm"),
    ],
)
def test_the_unit_is_px_without_the_role_of_depth(family: str, roles: tuple[str, ...], unit: str) -> None:
    assert unit_of(family, roles) == unit
