"""The hard inputs: which there are, and that they differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posedeploy.api.parity_inputs import build_parity_inputs
from posedeploy.benchmarks.hard_images import generate_hard_images
from posedeploy.benchmarks.hard_joints import generate_hard_people
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.specs import joints_spec
from posedeploy.types import Model, ModelSpec, Ranges

ANY_NETWORK = ["noise", "black", "white", "nobody", "one person", "a crowd", "a huge person"]
WHOLE = ["a person cut by the border", "a tiny person", "a wide image", "a tall image"]
BOXES = ["a box cut by the border", "a tiny box", "a wide box", "a tall box"]


@pytest.mark.parametrize(
    ("fit", "names"), [("pad", WHOLE), ("crop", WHOLE), ("box", BOXES), ("center", BOXES)]
)
def test_the_kind_of_network_determines_the_hard_images(tiny: Model, fit: str, names: list[str]) -> None:
    assert tiny.spec.contract is not None
    spec = replace(tiny.spec, contract=replace(tiny.spec.contract, fit=fit))
    images = generate_hard_images(with_fixed_size(spec, None, (96, 128)))
    assert [each.name for each in images] == ANY_NETWORK + names
    inputs = build_parity_inputs(spec, with_fixed_size(spec, None, (96, 128)), (), {}).pairs.generated
    assert len({pair[0].tensors["data"].tobytes() for pair in inputs}) == len(inputs) == len(images)


@pytest.mark.parametrize(("ours", "theirs"), [("pad", "box"), ("crop", "center"), ("box", "pad")])
def test_a_contract_of_another_kind_than_the_checkpoint_has_inputs_for_both(
    tiny: Model, ours: str, theirs: str
) -> None:
    assert tiny.spec.contract is not None
    reference, candidate = (
        replace(tiny.spec, contract=replace(tiny.spec.contract, fit=fit)) for fit in (ours, theirs)
    )
    pairs = build_parity_inputs(reference, with_fixed_size(candidate, None, (96, 128)), (), {}).pairs
    assert [pair[0].name for pair in pairs.generated] == ANY_NETWORK + WHOLE
    assert any(pair[1].as_reference is not None for pair in pairs.generated)


def _names(spec: ModelSpec, ranges: Ranges) -> dict[str, tuple[int, ...]]:
    pairs = build_parity_inputs(spec, spec, (), ranges).pairs
    return {reference.name: reference.tensors["data"].shape for reference, _ in pairs}


@pytest.mark.parametrize(
    ("ranges", "ends"),
    [
        (
            {},
            {
                "batch of 3: a crowd, one person, noise, at 16x16 px": (3, 3, 16, 16),
                "batch of 3: one person in each place, at 16x16 px": (3, 3, 16, 16),
                "one person, at 64x72 px": (1, 3, 64, 72),
            },
        ),
        (
            {"data": ((1, 3, 32, 24), (4, 3, 32, 56))},
            {
                "batch of 4: a crowd to black, at 32x24 px": (4, 3, 32, 24),
                "batch of 4: one person in each place, at 32x24 px": (4, 3, 32, 24),
                "one person, at 32x56 px": (1, 3, 32, 56),
            },
        ),
        (
            {"data": ((1, 3, 32, 24), (1, 3, 32, 56))},
            {"one person, at 32x24 px": (1, 3, 32, 24), "one person, at 32x56 px": (1, 3, 32, 56)},
        ),
    ],
)
def test_both_ends_of_every_dynamic_range_are_compared(
    tiny: Model, ranges: Ranges, ends: dict[str, tuple[int, ...]]
) -> None:
    shapes = _names(tiny.spec, ranges)
    assert list(shapes)[:11] == ANY_NETWORK + WHOLE
    assert {name: shapes[name] for name in list(shapes)[11:]} == ends


def test_a_fixed_batch_has_another_image_in_each_place(tiny: Model) -> None:
    shapes = _names(with_fixed_size(tiny.spec, 4, (32, 40)), {})
    assert list(shapes) == [
        "batch of 4: noise to nobody",
        "batch of 4: one person to a person cut by the border",
        "batch of 4: a tiny person to white",
        *("a wide image", "a tall image", "batch of 4: one person in each place"),
    ]
    assert set(shapes.values()) == {(4, 3, 32, 40)}


def test_an_image_with_its_boxes_has_all_places_of_a_batch(tiny: Model) -> None:
    assert tiny.spec.contract is not None
    spec = replace(tiny.spec, contract=replace(tiny.spec.contract, fit="box"))
    assert list(_names(with_fixed_size(spec, 2, (32, 40)), {}))[4:] == [
        *BOXES,
        "batch of 2: one person in each place",
    ]


@pytest.mark.parametrize("family", ["pose2mesh", "gtrs"])
@pytest.mark.parametrize(
    ("batch", "counts"),
    [(1, [1] * 6), (4, [4, 4, 4]), ("people", [1] * 6 + [6, 6])],
)
def test_networks_on_joints_have_hard_people(family: str, batch: int | str, counts: list[int]) -> None:
    spec = joints_spec(family, JOINT_SETS["human36"])
    spec = replace(spec, inputs=(replace(spec.inputs[0], shape=(batch, *spec.inputs[0].shape[1:])),))
    pairs = build_parity_inputs(spec, spec, (), {}).pairs.generated
    tensors = [pair[0].tensors[spec.inputs[0].name] for pair in pairs]
    assert [len(each) for each in tensors] == counts
    assert all(np.isfinite(each).all() for each in tensors)
    assert len(generate_hard_people(spec)) == 6
    (same,) = [pair[0] for pair in pairs if "in each place" in pair[0].name] or [pairs[0][0]]
    assert len({each.tobytes() for each in same.tensors[spec.inputs[0].name]}) == 1
