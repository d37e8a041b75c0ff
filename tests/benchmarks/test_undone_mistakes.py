"""The input that undoes a mistake is the one that the mistake then turns into the right input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.benchmarks.inputs import build_image_inputs
from posedeploy.benchmarks.known_mistakes import list_input_mistakes, try_input
from posedeploy.benchmarks.output_mistakes import SHIFTS
from posedeploy.benchmarks.undone_mistakes import list_undone_mistakes
from posedeploy.types import Embedded, InputContract, Model

CONTRACT = InputContract(64, 96, (120.0, 110.0, 100.0), (60.0, 58.0, 57.0), "RGB")
NAMES = (
    "the image were normalized twice",
    "the image were BGR instead of RGB",
    "the mean were not subtracted",
    "the values were not divided by the std",
    "the pixels were divided by 255 twice",
    "the pixels were not divided by 255",
    "the pixels were divided by 256 instead of 255",
    "the pixels were divided by 255 instead of 256",
    "the image were not normalized",
    "the pixels were scaled to 0 to 1",
    "the pixels were scaled to -1 to 1",
    "the image were mirrored",
    "a channels-last image were read as channels first",
    "height and width of the image were exchanged",
    *(f"the image were shifted by ({right}, {down}) px" for right, down in SHIFTS),
)


@pytest.mark.parametrize("embedded", [(), ("color",)], ids=len)
@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_on_the_input_that_undoes_it_gives_the_right_input(
    name: str, embedded: tuple[Embedded, ...], tiny: Model
) -> None:
    spec = with_fixed_size(replace(tiny.spec, contract=replace(CONTRACT, embedded=embedded)))
    image = np.random.default_rng(3).integers(0, 255, (64, 96, 3), np.uint8)
    source = build_image_inputs(spec, [("photo", image)])[0]
    mistake = {each.name: each for each in list_input_mistakes(spec)}[name]
    undone = {each.name: each for each in list_undone_mistakes(spec)}[name].apply(source, spec)
    repeated = try_input(mistake, undone, spec)
    assert repeated is not None
    assert not np.allclose(undone.tensors["data"], source.tensors["data"], atol=1e-4)
    inner = np.s_[:, :, 1:-1, 1:-1]  # a shift leaves pixels at the border open
    np.testing.assert_allclose(repeated.tensors["data"][inner], source.tensors["data"][inner], atol=1e-2)


def test_no_other_mistake_is_undone(tiny: Model) -> None:
    spec = with_fixed_size(replace(tiny.spec, contract=CONTRACT))
    assert sorted(each.name for each in list_undone_mistakes(spec)) == sorted(NAMES)


def test_only_the_colors_and_the_layout_of_a_file_that_takes_bytes_are_undone(tiny: Model) -> None:
    contract = replace(CONTRACT, embedded=("normalization", "color"))
    image = replace(tiny.spec.inputs[0], dtype="uint8")
    spec = with_fixed_size(replace(tiny.spec, inputs=(image,), contract=contract))
    undone = {each.name: each for each in list_undone_mistakes(spec)}
    assert list(undone) == [NAMES[1], *NAMES[11:]]
    pixels = np.random.default_rng(3).integers(0, 255, (1, 3, 64, 96), np.uint8)
    np.testing.assert_array_equal(undone[NAMES[1]].undo(pixels), pixels[:, ::-1])


def test_the_mean_of_a_file_that_swaps_the_colors_is_added_in_the_order_of_its_input(tiny: Model) -> None:
    spec = with_fixed_size(replace(tiny.spec, contract=replace(CONTRACT, embedded=("color",))))
    undone = {each.name: each for each in list_undone_mistakes(spec)}["the image were normalized twice"]
    blue_first = np.float32([100, 110, 120]).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(undone.undo(np.zeros((1, 3, 2, 2))), np.broadcast_to(blue_first, (1, 3, 2, 2)))
