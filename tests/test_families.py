from __future__ import annotations

from importlib import import_module

import pytest

from posedeploy.errors import InputError
from posedeploy.families import FAMILIES, family_named


@pytest.mark.parametrize("name", FAMILIES)
def test_the_modules_of_a_family_exist_and_have_the_shared_names(name: str) -> None:
    family = family_named(name)
    network, poses = import_module(family.network), import_module(family.poses)
    assert name == network.FAMILY
    assert callable(network.recognizes)
    assert callable(network.build)
    assert callable(poses.decode)
    assert len(poses.KEYPOINT_NAMES) == int(family.joints.split()[0])
    assert all(0 <= joint < len(poses.KEYPOINT_NAMES) for limb in poses.SKELETON for joint in limb)
    image = poses.CONTRACT and f"{poses.CONTRACT.height}x{poses.CONTRACT.width}"
    assert (image or "2D joints") in family.input


@pytest.mark.parametrize("name", FAMILIES)
def test_only_a_family_recognizes_its_own_tensors(name: str) -> None:
    network = import_module(family_named(name).network)
    module, spec = network.build({})
    shapes = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    assert [f.name for f in FAMILIES.values() if import_module(f.network).recognizes(shapes)] == [name]
    assert spec.family == name
    assert not network.recognizes({})


def test_the_error_about_an_unknown_family_lists_the_families() -> None:
    with pytest.raises(
        InputError, match="no network family is called 'x'; the families are lightweight-openpose-2d, "
    ):
        family_named("x")
