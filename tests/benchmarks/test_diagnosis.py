"""Planted mistakes are named. Each is made here on tensors, not by the code that recognizes it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posedeploy.benchmarks.contract_mistakes import list_contract_changes, renormalize
from posedeploy.benchmarks.diagnosis import Cause, DifferingRun, find_non_finite
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.benchmarks.inputs import NetworkInput, build_image_inputs
from posedeploy.benchmarks.mistake_ranking import MistakeRanking, list_reference_mistakes
from posedeploy.benchmarks.output_mistakes import swap_sides
from posedeploy.benchmarks.synthetic_inputs import build_people_inputs
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import (
    Array,
    Embedded,
    Fit,
    InputContract,
    Model,
    ModelSpec,
    PlacedJoints,
    RunOptions,
    Tensors,
)
from tests.support.lifting import small_gtrs, write

HEIGHT, WIDTH = 64, 96
NAMES = ("left_hip", "right_hip")


@pytest.fixture(scope="module")
def spec(tiny: Model) -> ModelSpec:
    contract = InputContract(HEIGHT, WIDTH, (120.0, 110.0, 100.0), (60.0, 58.0, 57.0), "RGB")
    return with_fixed_size(replace(tiny.spec, contract=contract, keypoint_names=NAMES))


@pytest.fixture(scope="module")
def photo() -> Array:
    """(80, 96, 3) uint8, smooth, so that it is resized and padded."""
    noise = np.random.default_rng(3).integers(0, 255, (10, 12, 3), np.uint8)
    return cv2.resize(noise, (96, 80), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def given(spec: ModelSpec, photo: Array) -> NetworkInput:
    return build_image_inputs(spec, [("photo", photo)])[0]


@pytest.fixture(scope="module")
def lifter(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_checkpoint(write(small_gtrs(), tmp_path_factory.mktemp("lifter") / "net.pth"))


def _of_channels(values: tuple[float, ...]) -> Array:
    return np.array(values, np.float32).reshape(1, 3, 1, 1)


def _pixels(tensor: Array, spec: ModelSpec) -> Array:
    """Return the values from 0 to 255 of a tensor, in its color order."""
    assert spec.contract is not None
    return tensor * _of_channels(spec.contract.std) + _of_channels(spec.contract.mean)


def _normalized(pixels: Array, spec: ModelSpec, scale: float = 1.0) -> Array:
    """Return the tensor of pixels, multiplied by ``scale`` where they should be from 0 to 1."""
    assert spec.contract is not None
    mean, std = _of_channels(spec.contract.mean) / 255, _of_channels(spec.contract.std) / 255
    return ((pixels / 255 * scale - mean) / std).astype(np.float32)


FaultyInput = Callable[[Array, ModelSpec], Array]
INPUTS: dict[str, FaultyInput] = {
    "the image were BGR instead of RGB": lambda x, spec: _normalized(_pixels(x, spec)[:, ::-1], spec),
    "the mean were not subtracted": lambda x, spec: (_pixels(x, spec) / _std(spec)).astype(np.float32),
    "the values were not divided by the std": lambda x, spec: (x * _std(spec)).astype(np.float32),
    "the pixels were divided by 255 twice": lambda x, spec: _normalized(_pixels(x, spec), spec, 1 / 255),
    "the pixels were not divided by 255": lambda x, spec: _normalized(_pixels(x, spec), spec, 255),
    "the pixels were divided by 256 instead of 255": lambda x, spec: _normalized(
        _pixels(x, spec), spec, 255 / 256
    ),
    "the pixels were divided by 255 instead of 256": lambda x, spec: _normalized(
        _pixels(x, spec), spec, 256 / 255
    ),
    "the image were mirrored": lambda x, spec: x[..., ::-1].copy(),
    "a channels-last image were read as channels first": lambda x, spec: np.ascontiguousarray(
        x.transpose(0, 2, 3, 1)
    ).reshape(x.shape),
    "height and width of the image were exchanged": lambda x, spec: np.ascontiguousarray(
        x.swapaxes(2, 3)
    ).reshape(x.shape),
    "the image were not normalized": lambda x, spec: _pixels(x, spec),
    "the image were normalized twice": lambda x, spec: _normalized(x, spec),
    "the pixels were scaled to 0 to 1": lambda x, spec: _pixels(x, spec) / 255,
    "the pixels were scaled to -1 to 1": lambda x, spec: _pixels(x, spec) / 127.5 - 1,
}


def _std(spec: ModelSpec) -> Array:
    assert spec.contract is not None
    return np.array(spec.contract.std, np.float32).reshape(1, 3, 1, 1)


OUTPUT_STAGES = {"the maps were shifted by (1, 0) cells": "network"}
FaultyOutputs = Callable[[Tensors], Tensors]
OUTPUTS: dict[str, FaultyOutputs] = {
    "left and right keypoints were swapped": lambda outputs: {
        name: array[:, ::-1].copy() if array.shape[1] == 2 else array for name, array in outputs.items()
    },
    "channels-last maps were read as channels first": lambda outputs: {
        name: np.ascontiguousarray(np.moveaxis(array, 1, -1)).reshape(array.shape)
        for name, array in outputs.items()
    },
    "height and width of the maps were exchanged": lambda outputs: {
        name: np.ascontiguousarray(array.swapaxes(2, 3)).reshape(array.shape)
        for name, array in outputs.items()
    },
    "the maps were shifted by (1, 0) cells": lambda outputs: {
        name: np.concatenate([array[..., -1:], array[..., :-1]], -1) for name, array in outputs.items()
    },
}


def _cause(
    model: Model, spec: ModelSpec, given: NetworkInput, actual: Callable[[PyTorchRunner], Tensors]
) -> Cause | None:
    with PyTorchRunner(replace(model, spec=spec), RunOptions(threads=1)) as runner:
        run = DifferingRun(spec, given, given, runner.run(given.tensors), actual(runner), {})
        return find_non_finite(run, "fp16", can_bisect=True) or _rank(runner, run)


def _rank(runner: PyTorchRunner, run: DifferingRun) -> Cause | None:
    ranking = MistakeRanking([run])
    explanation = ranking.explain(ranking.rank(list_reference_mistakes(runner, run)), "advice")
    return explanation and explanation.cause


@pytest.mark.parametrize("name", INPUTS)
def test_a_mistake_in_preprocessing_is_named(
    name: str, tiny: Model, spec: ModelSpec, given: NetworkInput
) -> None:
    wrong = {key: INPUTS[name](array, spec) for key, array in given.tensors.items()}
    cause = _cause(tiny, spec, given, lambda runner: runner.run(wrong))
    assert cause is not None
    assert (cause.stage, cause.name) == ("preprocessing", name)
    assert cause.explained > 0.98


class Normalizing(nn.Module):
    """A network that embeds the normalization, the order of the colors, or both."""

    def __init__(self, network: nn.Module, contract: InputContract) -> None:
        super().__init__()
        self.network, self.embedded = network, contract.embedded
        self.mean, self.std = (
            torch.tensor(each).reshape(1, 3, 1, 1) for each in (contract.mean, contract.std)
        )

    def forward(self, image: Tensor) -> object:
        values = image.float()
        values = values.flip(1) if "color" in self.embedded else values
        return self.network((values - self.mean) / self.std if "normalization" in self.embedded else values)


OF_VALUES = [name for name in INPUTS if "channels-last" not in name]
"""The mistakes that are the same before and after the normalization."""


EMBEDDED = [("normalization",), ("color",), ("normalization", "color")]


@pytest.mark.parametrize("embedded", EMBEDDED, ids="+".join)
@pytest.mark.parametrize("name", OF_VALUES)
def test_a_mistake_is_named_if_the_reference_normalizes_its_input(
    name: str, embedded: tuple[Embedded, ...], tiny: Model, spec: ModelSpec, photo: Array, given: NetworkInput
) -> None:
    wrong = {key: INPUTS[name](array, spec) for key, array in given.tensors.items()}
    cause = _cause_of_embedded(tiny, spec, embedded, "float32", photo, wrong)
    assert cause is not None
    assert (cause.stage, cause.name) == ("preprocessing", name)
    assert cause.explained > 0.98


def _cause_of_embedded(
    tiny: Model, spec: ModelSpec, embedded: tuple[Embedded, ...], dtype: str, photo: Array, wrong: Tensors
) -> Cause | None:
    """Return the cause of the outputs for a wrong normalized input, if the reference takes pixels."""
    assert spec.contract is not None
    image = replace(spec.inputs[0], dtype=dtype)
    contract = replace(spec.contract, embedded=embedded)
    described = replace(spec, inputs=(image,), contract=contract)
    source = build_image_inputs(described, [("photo", photo)])[0]
    network = Normalizing(tiny.module, contract)
    options = RunOptions(threads=1)
    with (
        PyTorchRunner(replace(tiny, spec=spec), options) as plain,
        PyTorchRunner(replace(tiny, module=network.eval(), spec=described), options) as runner,
    ):
        run = DifferingRun(described, source, source, runner.run(source.tensors), plain.run(wrong), {})
        return _rank(runner, run)


@pytest.mark.parametrize("name", ["the image were BGR instead of RGB", "the image were mirrored"])
def test_a_mistake_is_named_if_the_reference_takes_bytes(
    name: str, tiny: Model, spec: ModelSpec, photo: Array, given: NetworkInput
) -> None:
    wrong = {key: INPUTS[name](array, spec) for key, array in given.tensors.items()}
    cause = _cause_of_embedded(tiny, spec, ("normalization", "color"), "uint8", photo, wrong)
    assert cause is not None and cause.name == name


@pytest.mark.parametrize(
    ("std", "name"),
    [(1.0, "the pixels were scaled to 0 to 1"), (255.0, "the pixels were not divided by 255")],
)
def test_each_mistake_has_one_name(std: float, name: str) -> None:
    """The presets rtmo and movenet describe no mean and no std, and yolo-pose only the scale."""
    pixels = InputContract(HEIGHT, WIDTH, (0.0,) * 3, (std,) * 3, embedded=("normalization",))
    source = np.random.default_rng(2).uniform(0, 255, (1, 3, 8, 8))
    changed = {
        each: renormalize(pixels, change(pixels), source).round(9).tobytes()
        for each, change in list_contract_changes(pixels).items()
        if not each.startswith("the padding")
    }
    assert {"the image were RGB instead of BGR", name} <= changed.keys()
    assert len(set(changed.values())) == len(changed)


@pytest.mark.parametrize("shift", [(1, 0), (0, -1)])
def test_a_shifted_image_is_named(
    shift: tuple[int, int], tiny: Model, spec: ModelSpec, photo: Array, given: NetworkInput
) -> None:
    moved = cv2.warpAffine(
        photo,
        np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]),
        photo.shape[1::-1],
        borderMode=cv2.BORDER_WRAP,
    )
    wrong = build_image_inputs(spec, [("moved", moved)])[0]
    cause = _cause(tiny, spec, given, lambda runner: runner.run(wrong.tensors))
    assert cause is not None and cause.name == f"the image were shifted by {shift} px"


def _resized(photo: Array, interpolation: int) -> Array:
    return cv2.resize(photo, None, fx=HEIGHT / 80, fy=HEIGHT / 80, interpolation=interpolation)


Resize = Callable[[Array], Array]
LINEAR, NEAREST, AREA, CUBIC = (
    partial(_resized, interpolation=each)
    for each in (cv2.INTER_LINEAR, cv2.INTER_NEAREST, cv2.INTER_AREA, cv2.INTER_CUBIC)
)
STRETCHED = partial(cv2.resize, dsize=(WIDTH, HEIGHT))
AT_END, ON_BOTH_SIDES = "the padding were on the right and at the bottom", "the padding were on both sides"
MEAN = (120, 110, 100)
RESIZED: list[tuple[str, Fit, int | None, Resize, int, int | tuple[int, int, int]]] = [
    (
        "the image were stretched to the input size",
        "pad",
        None,
        lambda x: cv2.resize(x, (WIDTH, HEIGHT)),
        0,
        0,
    ),
    ("the image were resized with nearest neighbor interpolation", "pad", None, NEAREST, 9, MEAN),
    ("the image were resized with area interpolation", "pad", None, AREA, 9, MEAN),
    ("the image were resized with cubic interpolation", "pad", None, CUBIC, 9, MEAN),
    ("the padding had the value 0", "pad", None, LINEAR, 9, 0),
    ("the padding had the value 114", "pad", None, LINEAR, 9, 114),
    ("the padding had the value 128", "letterbox", 114, LINEAR, 9, 128),
    ("the padding had the value 255", "letterbox-corner", 114, LINEAR, 0, 255),
    (AT_END, "pad", None, LINEAR, 0, MEAN),
    (AT_END, "pad", 114, LINEAR, 0, 114),
    (AT_END, "letterbox", None, LINEAR, 0, MEAN),
    (AT_END, "letterbox", 114, LINEAR, 0, 114),
    (ON_BOTH_SIDES, "letterbox-corner", 114, LINEAR, 9, 114),
]
"""The mistake, the right fit and padding, the resized image, its distance from the left side of the input,
and the color of its background in RGB."""


@pytest.mark.parametrize("embedded", [(), ("normalization",)], ids=len)
@pytest.mark.parametrize(("name", "fit", "padding", "resize", "left", "background"), RESIZED)
def test_a_mistake_in_resizing_or_padding_is_named(
    name: str,
    fit: Fit,
    padding: int | None,
    resize: Resize,
    left: int,
    background: int | tuple[int, int, int],
    embedded: tuple[Embedded, ...],
    tiny: Model,
    spec: ModelSpec,
    photo: Array,
) -> None:
    assert spec.contract is not None
    described = replace(spec, contract=replace(spec.contract, fit=fit, padding=padding))
    image = resize(photo)
    canvas = np.empty((HEIGHT, WIDTH, 3), np.float32)
    canvas[...] = background
    canvas[:, left : left + image.shape[1]] = image[..., ::-1]
    wrong = {"data": _normalized(canvas.transpose(2, 0, 1)[None], spec)}
    cause = _cause_of_embedded(tiny, described, embedded, "float32", photo, wrong)
    assert cause is not None
    assert (cause.stage, cause.name) == ("preprocessing", name)


def test_another_order_of_the_images_of_a_batch_is_named(tiny: Model, spec: ModelSpec, photo: Array) -> None:
    pair = replace(spec, inputs=(replace(spec.inputs[0], shape=(2, 3, HEIGHT, WIDTH)),))
    both = build_image_inputs(pair, [("photo", photo)])[0]
    cause = _cause(
        tiny,
        pair,
        both,
        lambda runner: {name: array[::-1].copy() for name, array in runner.run(both.tensors).items()},
    )
    assert cause is not None and cause.name == "the images of a batch were in another order"


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_mistake_in_the_outputs_is_named(
    name: str, tiny: Model, spec: ModelSpec, given: NetworkInput
) -> None:
    cause = _cause(tiny, spec, given, lambda runner: OUTPUTS[name](runner.run(given.tensors)))
    assert cause is not None
    assert (cause.stage, cause.name) == (OUTPUT_STAGES.get(name, "decoding"), name)


def test_exchanged_outputs_are_named(tiny: Model, spec: ModelSpec, given: NetworkInput) -> None:
    def exchanged(runner: PyTorchRunner) -> Tensors:
        outputs = runner.run(given.tensors)
        pairs = [(a, b) for a in outputs for b in outputs if a < b and outputs[a].shape == outputs[b].shape]
        a, b = pairs[0]
        return outputs | {a: outputs[b], b: outputs[a]}

    cause = _cause(tiny, spec, given, exchanged)
    assert cause is not None and cause.name.endswith("were exchanged")


JOINTS: dict[str, Callable[[Array], Array]] = {
    "x and y of the joints were exchanged": lambda joints: joints[..., [1, 0]],
    "y of the joints pointed up": lambda joints: joints * np.float32([1, -1]),
    "the joints were mirrored": lambda joints: joints * np.float32([-1, 1]),
    "left and right joints were swapped": lambda joints: joints[:, LEFT_AND_RIGHT],
}
LEFT_AND_RIGHT = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]
"""The joints of human36 on the other side."""


@pytest.mark.parametrize("name", JOINTS)
def test_a_mistake_in_the_preprocessing_of_joints_is_named(name: str, lifter: Model) -> None:
    people = build_people_inputs(lifter.spec, 1, seed=3)[0]
    [(tensor, joints)] = people.tensors.items()
    wrong = {tensor: np.ascontiguousarray(JOINTS[name](joints))}
    cause = _cause(lifter, lifter.spec, people, lambda runner: runner.run(wrong))
    assert cause is not None
    assert (cause.stage, cause.name) == ("preprocessing", name)


def test_joints_in_pixels_are_named(lifter: Model) -> None:
    people = build_people_inputs(lifter.spec, 1, seed=3)[0]
    placed = people.placements[0]
    assert isinstance(placed, PlacedJoints)
    wrong = {lifter.spec.inputs[0].name: placed.joints[..., :2].astype(np.float32)}
    cause = _cause(lifter, lifter.spec, people, lambda runner: runner.run(wrong))
    assert cause is not None and cause.name == "the joints were not normalized"


LIFTED: dict[str, tuple[str, FaultyOutputs]] = {
    "the values of pose3d were truncated to whole numbers": (
        "decoding",
        lambda outputs: outputs | {"pose3d": outputs["pose3d"].astype(int).astype(np.float32)},
    ),
    "the values of pose3d were rounded down to whole numbers": (
        "decoding",
        lambda outputs: outputs | {"pose3d": np.floor(outputs["pose3d"])},
    ),
    "the values of pose3d were rounded to whole numbers": (
        "decoding",
        lambda outputs: outputs | {"pose3d": np.round(outputs["pose3d"])},
    ),
    "the axes x and z were exchanged in pose3d": (
        "decoding",
        lambda outputs: outputs | {"pose3d": np.ascontiguousarray(outputs["pose3d"][..., ::-1])},
    ),
    "the people of a batch were in another order": (
        "network",
        lambda outputs: {name: array[[2, 0, 1]] for name, array in outputs.items()},
    ),
}
"""Mistakes in the outputs of a network on joints, with their stage."""


@pytest.mark.parametrize("name", LIFTED)
def test_a_mistake_in_the_coordinates_of_people_is_named(name: str, lifter: Model) -> None:
    people = build_people_inputs(lifter.spec, 2, seed=3)[1]
    stage, change = LIFTED[name]
    cause = _cause(lifter, lifter.spec, people, lambda runner: change(runner.run(people.tensors)))
    assert cause is not None
    assert (cause.stage, cause.name) == (stage, name)


def test_channels_in_another_order_are_named(tiny: Model, spec: ModelSpec, given: NetworkInput) -> None:
    name = next(each.name for each in spec.outputs if each.shape[1] not in (len(NAMES), len(NAMES) + 1))

    def reversed_channels(runner: PyTorchRunner) -> Tensors:
        outputs = runner.run(given.tensors)
        return outputs | {name: np.ascontiguousarray(outputs[name][:, ::-1])}

    cause = _cause(tiny, spec, given, reversed_channels)
    assert cause is not None
    assert (cause.stage, cause.name) == ("decoding", f"the channels of {name} were in another order")


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_an_output_with_nan_or_infinity_is_named(
    value: float, tiny: Model, spec: ModelSpec, given: NetworkInput
) -> None:
    name = spec.outputs[1].name

    def replaced(runner: PyTorchRunner) -> Tensors:
        outputs = runner.run(given.tensors)
        outputs[name][0, 0, 0, 0] = value
        return outputs

    cause = _cause(tiny, spec, given, replaced)
    advice = "export in fp32 or bf16, whose range is larger"
    assert cause == Cause("network", f"{name} contains NaN or infinity", 1.0, given.name, advice=advice)
    assert str(cause) == (
        f"{name} contains NaN or infinity on {given.name}, and the other output is finite; {advice}"
    )


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp32+bf16", "fp16", "int8", "fp32+int8"])
def test_a_precision_with_a_larger_range_is_suggested_only_where_there_is_one(
    precision: str, given: NetworkInput, spec: ModelSpec
) -> None:
    right = {"maps": np.zeros((1, 2), np.float32)}
    run = DifferingRun(spec, given, given, right, {"maps": right["maps"] + np.nan}, {})
    cause = find_non_finite(run, precision, can_bisect=True)
    assert cause is not None
    has_full_range = precision in ("fp32", "tf32", "bf16", "fp32+bf16")
    assert ("posedeploy bisect" in str(cause), "export in" in str(cause)) == (
        has_full_range,
        not has_full_range,
    )
    elsewhere = find_non_finite(run, precision, can_bisect=False)
    assert elsewhere is not None
    assert ("with PyTorch and the checkpoint, `posedeploy bisect`" in str(elsewhere)) == has_full_range


@pytest.mark.parametrize("layer", ["stem", "body", "heatmaps"])
def test_other_weights_have_no_known_cause(
    layer: str, tiny: Model, spec: ModelSpec, given: NetworkInput
) -> None:
    module = copy.deepcopy(tiny.module)
    random = torch.Generator().manual_seed(1)
    for parameter in module.get_submodule(layer).parameters():
        parameter.data += 0.3 * parameter.data.std() * torch.randn(parameter.shape, generator=random)
    with PyTorchRunner(replace(tiny, module=module, spec=spec), RunOptions(threads=1)) as other:
        assert _cause(tiny, spec, given, lambda _: other.run(given.tensors)) is None


def test_equal_outputs_have_no_cause(tiny: Model, spec: ModelSpec, given: NetworkInput) -> None:
    assert _cause(tiny, spec, given, lambda runner: runner.run(given.tensors)) is None


def test_outputs_that_are_nan_on_both_sides_have_no_cause(
    tiny: Model, spec: ModelSpec, given: NetworkInput
) -> None:
    with PyTorchRunner(replace(tiny, spec=spec), RunOptions(threads=1)) as runner:
        expected = {name: np.full_like(array, np.nan) for name, array in runner.run(given.tensors).items()}
        run = DifferingRun(spec, given, given, expected, expected, {})
        assert find_non_finite(run, "fp32", can_bisect=True) is None and _rank(runner, run) is None


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("nose", "left_eye", "right_eye"), (0, 2, 1)),
        (("nose", "l_eye", "r_eye"), (0, 2, 1)),
        (("nose", "LeftEye", "RightEye"), (0, 2, 1)),
        (("shoulder_l", "shoulder_r", "ear_l", "ear_r", "nose"), (1, 0, 3, 2, 4)),
        (("nose", "neck"), None),
        ((), None),
    ],
)
def test_the_keypoints_of_the_other_side(names: tuple[str, ...], order: tuple[int, ...] | None) -> None:
    assert swap_sides(names) == order
