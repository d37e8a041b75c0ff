"""PyTorch on the inputs that a budget is measured on: its people, and its own changes by JPEG compression."""

from __future__ import annotations

import logging

import numpy as np

from posedeploy.api.budget_inputs import HeldOutInputs
from posedeploy.api.budget_trials import measured_choice
from posedeploy.api.decoding_pair import build_pairing
from posedeploy.benchmarks.ambiguity import decode_sides
from posedeploy.benchmarks.image_comparison import select_image
from posedeploy.benchmarks.keypoints import find_visible
from posedeploy.benchmarks.pose_comparison import PoseComparison
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.decoders import Decode
from posedeploy.errors import InputError
from posedeploy.runtimes.base import Runner
from posedeploy.types import HeldOut, MeasuredChoice, ModelSpec, OnProgress, Tensors

MIN_KEYPOINTS = 100
"""Below this number of keypoints, a single unmatched one exceeds a budget of 1%."""
logger = logging.getLogger(__name__)


def describe_held_out(
    inputs: HeldOutInputs, reference: Runner, decode: Decode, on_progress: OnProgress
) -> HeldOut:
    """Return the facts about the held-out inputs, with the people that PyTorch finds in them.

    Raises:
        InputError: it finds none, or its outputs are not finite.
    """
    people = keypoints = 0
    for number, (network_input, _) in enumerate(inputs):
        on_progress("running PyTorch on the held-out images", number / len(inputs))
        outputs = reference.run(network_input.tensors)
        for index, placement in enumerate(network_input.placements):
            image = select_image(outputs, index, len(network_input.placements))
            poses = decode(_check_finite(image, network_input.name), placement)
            people += len(poses)
            keypoints += int(find_visible(poses).sum())
    if not people:
        raise InputError(
            f"`budget`: PyTorch finds no people in the {len(inputs)} held-out images ({inputs.source}), so "
            "they prove nothing; pass images of people as `images`"
        )
    if keypoints < MIN_KEYPOINTS:
        logger.warning(
            f"PyTorch finds only {keypoints} keypoints in the {len(inputs)} held-out images, so one "
            f"unmatched keypoint is {100 / keypoints:.2g}%; pass more images of people as `images`"
        )
    return HeldOut(
        source=inputs.source,
        count=len(inputs),
        people=people,
        keypoints=keypoints,
        pixels=tuple(inputs.pixels),
    )


def _check_finite(outputs: Tensors, name: str) -> Tensors:
    for output, array in outputs.items():
        if not np.isfinite(array).all():
            raise InputError(
                f"`budget`: PyTorch returns values that are not finite in {output} on {name}, so nothing can "
                "be compared with it; check the checkpoint"
            )
    return outputs


def compare_jpegs(
    inputs: HeldOutInputs, reference: Runner, decode: Decode, spec: ModelSpec
) -> MeasuredChoice | None:
    """Return how much the poses of PyTorch itself change if the images are saved as JPEG at quality 95; None
    for inputs that are not images."""
    pairing, images = build_pairing(spec), []
    for original, jpeg in inputs.jpegs():
        outputs, changed = reference.run(original.tensors), reference.run(jpeg.tensors)
        for index, placement in enumerate(original.placements):
            count = len(original.placements)
            both = select_image(outputs, index, count), select_image(changed, index, count)
            sides = decode_sides(decode, *both, placement, Tolerance(), {})
            images.append(pairing.compare(original.name, sides, *both, placement))
    return measured_choice(PoseComparison(tuple(images))) if images else None
