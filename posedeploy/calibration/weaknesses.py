"""Sentences on the weaknesses of a calibration set."""

from __future__ import annotations

from collections.abc import Iterator

from posedeploy.benchmarks.synthetic_inputs import RANDOM_JOINTS
from posedeploy.printable import counted
from posedeploy.types import Calibration

MIN_IMAGES = 30
MAX_NEAR_SHARE = 0.5
MIN_PEOPLE_SHARE = 0.5
SYNTHETIC = (
    "calibrated with synthetic people, because no `calibration` images were passed; this gave errors of 1.05 "
    "px on human-pose-estimation-0001, and frames of two videos 1.41 px (docs/precision.md), but networks "
    "differ; check the errors on your own images with `posedeploy parity --images`"
)


def describe_weaknesses(calibration: Calibration, *, takes_one_person: bool = False) -> Iterator[str]:
    """Yield a sentence for each weakness of a calibration set.

    Args:
        takes_one_person: the network takes the image of one person, cut out by a box.
    """
    if takes_one_person and calibration.source == "images":
        yield (
            "this network takes images of one person, and whole images were used for calibration; pass crops "
            "of one person each as `calibration`; if the images are such crops, this warning does not apply"
        )
    if calibration.source == "synthetic people" and calibration.pixels:
        yield SYNTHETIC
    if calibration.source == "random 2D joints":
        yield f"calibrated with {RANDOM_JOINTS}"
    if calibration.count < MIN_IMAGES:
        yield _describe_few(calibration)
    if calibration.near_duplicates > MAX_NEAR_SHARE * calibration.count:
        yield (
            f"{calibration.near_duplicates} of the {calibration.count} calibration images are near-"
            "duplicates of others; more varied images give better ranges"
        )
    with_people = calibration.with_people
    if with_people is not None and with_people < MIN_PEOPLE_SHARE * calibration.checked:
        yield (
            f"PyTorch finds people in {with_people} of the {calibration.checked} calibration images that "
            "were checked; pass images of people"
        )


def _describe_few(calibration: Calibration) -> str:
    count = calibration.count
    number = counted(count, "image") if calibration.pixels else counted(count, "person", "people")
    remedy = (
        f"pass at least {MIN_IMAGES} as `calibration`; `calibration_images` limits their number"
        if calibration.source == "images"
        else f"pass `calibration_images={MIN_IMAGES}` or more"
    )
    return (
        f"the calibration set has only {number}; values outside the ranges of these will be clipped; {remedy}"
    )
