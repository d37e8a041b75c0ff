"""The known mistakes that an input would show, on a network that finds a red and a blue spot."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.image_comparison import Pairing
from posedeploy.benchmarks.inputs import build_image_input
from posedeploy.benchmarks.mistake_trials import PoseLimits, try_mistakes
from posedeploy.benchmarks.sensitivity import Sensitivity
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.runtimes.base import Runner
from posedeploy.types import (
    Array,
    InputContract,
    ModelSpec,
    Placed,
    Poses,
    RuntimeInfo,
    Tensors,
    TensorSpec,
)

SIZE = 64
MEAN = 50.0
NAMES = ("left_eye", "right_eye")
SPEC = ModelSpec(
    "some-network",
    "",
    (TensorSpec("data", (1, 3, SIZE, SIZE), "float32", "NCHW"),),
    (TensorSpec("points", (1, 2, 3), "float32"),),
    InputContract(SIZE, SIZE, (MEAN,) * 3, (1.0,) * 3, "BGR"),
    roles={"points": "points"},
    keypoint_names=NAMES,
)
BGR_AS_RGB = "the image were RGB instead of BGR"
MIRRORED = "the image were mirrored"
SIDES = "left and right keypoints were swapped"
MEAN_LEFT_OUT = "the mean were not subtracted"


class Spots(Runner):
    """Returns (1, 2, 3) x, y and brightness of the brightest red and the brightest blue pixel."""

    inputs, outputs = SPEC.inputs, SPEC.outputs
    runtime_info = RuntimeInfo("spots", "1", "CPU", "fp32", None)

    def _run(self, tensors: Tensors) -> Tensors:
        points = []
        for channel in (2, 0):
            pixels = tensors["data"][0, channel]
            y, x = np.unravel_index(int(pixels.argmax()), pixels.shape)
            points.append((x, y, pixels.max()))
        return {"points": np.array([points], np.float32)}


def decode(outputs: Tensors, placement: Placed) -> Poses:
    """Return one person, or nobody where both spots are dark."""
    points = outputs["points"].astype(np.float64)
    is_person = points[:, :, 2].max(axis=1) > 0
    return Poses(points[is_person], points[is_person, :, 2].sum(axis=1))


def spots(*colored: tuple[int, int, tuple[int, int, int]]) -> Array:
    """Return a black image with these spots: x, y and the color in BGR."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    for x, y, color in colored:
        image[y, x] = color
    return image


def limit(px: float) -> Budget:
    return Budget(px=px, unmatched_percent=2.0)


RED, BLUE, GRAY = (0, 0, 255), (255, 0, 0), (255, 255, 255)
IMAGES = {
    "black": spots(),
    "two spots": spots((10, 20, RED), (40, 30, BLUE)),
    "gray": spots((10, 20, GRAY)),
    "symmetric": spots((32, 20, RED), (32, 20, GRAY)),
}


def trials(*names: str, budget: Budget | None = None, images: tuple[str, ...] = ()) -> Sensitivity:
    limits = PoseLimits(decode=decode, pairing=Pairing(NAMES), tolerance=Tolerance(), budget=budget)
    sources = [(SPEC, build_image_input(SPEC, name, IMAGES[name])) for name in names]
    return try_mistakes(Spots(), sources, limits, images)


def shown(sensitivity: Sensitivity) -> dict[str, str | None]:
    return {trial.name: trial.shown_on for trial in sensitivity.trials}


@pytest.mark.parametrize("budget", [None, limit(1.0)], ids=["tolerance", "budget"])
def test_black_images_prove_nothing_and_cost_no_run(budget: Budget | None) -> None:
    result = trials("black", budget=budget)
    assert result.proves_nothing and not result.images_prove_nothing
    assert set(result.hidden) >= {BGR_AS_RGB, MIRRORED, SIDES}
    assert result.runs == 0


@pytest.mark.parametrize("budget", [None, limit(0.5)], ids=["tolerance", "budget"])
def test_mistakes_that_move_the_poses_are_shown_on_that_input(budget: Budget | None) -> None:
    result = trials("black", "two spots", budget=budget)
    assert not result.proves_nothing
    by_name = shown(result)
    assert by_name[BGR_AS_RGB] == by_name[MIRRORED] == by_name[SIDES] == "two spots"
    assert by_name[MEAN_LEFT_OUT] is None, "the brightest pixel stays the same"
    assert by_name["the image were shifted by (1, 0) px"] == "two spots"


def test_a_budget_above_the_movement_hides_it() -> None:
    assert "the image were shifted by (1, 0) px" in trials("two spots", budget=limit(2.0)).hidden


@pytest.mark.parametrize(
    ("image", "hidden", "visible"),
    [("gray", BGR_AS_RGB, MIRRORED), ("symmetric", SIDES, MIRRORED)],
)
def test_an_image_hides_the_mistakes_that_its_content_does_not_change(
    image: str, hidden: str, visible: str
) -> None:
    by_name = shown(trials(image, budget=limit(1.0)))
    assert by_name[hidden] is None
    assert by_name[visible] == image


def test_each_mistake_is_tried_until_it_shows() -> None:
    alone, both = trials("two spots"), trials("two spots", "gray")
    hidden = [trial for trial in alone.trials if trial.shown_on is None]
    assert both.runs - alone.runs <= len(hidden)
    assert shown(both)[BGR_AS_RGB] == "two spots"


def test_images_of_the_user_prove_nothing_if_only_other_inputs_show_mistakes() -> None:
    result = trials("black", "two spots", images=("black",))
    assert (result.images, result.images_prove_nothing, result.proves_nothing) == (("black",), True, False)
    assert not trials("two spots", "black", images=("two spots",)).images_prove_nothing


def test_mistakes_that_the_network_cannot_have_are_left_out() -> None:
    """It has neither maps nor a batch, nor a std to forget."""
    names = " ".join(shown(trials("two spots")))
    assert "maps" not in names and "batch" not in names and "std" not in names


def test_inputs_without_trials_prove_neither() -> None:
    """As of outputs that cannot be decoded on any input."""
    untried = Sensitivity((), ("photo.jpg",), ("photo.jpg",))
    assert not untried.proves_nothing and not untried.images_prove_nothing
