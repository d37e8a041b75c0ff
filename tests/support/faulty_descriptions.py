"""Faults in the description of an artifact: its manifest differs from its checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from posedeploy.benchmarks.stage_parity import StageName
from posedeploy.manifest_document import seal

Spec: TypeAlias = dict[str, Any]
SUFFIX = ".posedeploy.json"


@dataclass(frozen=True)
class DescriptionFault:
    """A change to the spec in a manifest, the stage that it breaks, and the message that names it."""

    stage: StageName
    change: Callable[[Spec], object]
    message: str


def change_description(source: Path, target: Path, change: Callable[[Spec], object]) -> Path:
    """Copy an artifact of one file, with a change to the description in its manifest."""
    shutil.copy(source, target)
    document = json.loads(source.with_name(source.name + SUFFIX).read_text())
    change(document["spec"])
    target.with_name(target.name + SUFFIX).write_bytes(seal(document))
    return target


def _contract(**values: object) -> Callable[[Spec], object]:
    return lambda spec: spec["contract"].update(values)


def _exchange_names(spec: Spec) -> None:
    names = spec["keypoint_names"]
    names[2], names[3] = names[3], names[2]


def _bend_skeleton(spec: Spec) -> None:
    spec["skeleton"][0] = [0, 9]


def _stride(spec: Spec) -> None:
    for output in spec["outputs"]:
        output["stride"] = 8


DESCRIPTIONS: Mapping[str, DescriptionFault] = {
    "roles": DescriptionFault(
        "decoding",
        lambda spec: spec.update(roles={"hm": "depth", "depth": "hm"}),
        "the difference is in the decoding: the output with the role hm is depth instead of hm, the output "
        "with the role depth is hm instead of depth",
    ),
    "names": DescriptionFault(
        "decoding",
        _exchange_names,
        "the difference is in the decoding: keypoint 2 is left_hip instead of right_hip, keypoint 3 is "
        "right_hip instead of left_hip",
    ),
    "skeleton": DescriptionFault(
        "decoding",
        _bend_skeleton,
        "the skeleton differs from that of the reference: it has the bone head_top-right_ankle and does not "
        "have the bone right_ankle-right_knee",
    ),
    "number of keypoints": DescriptionFault(
        "decoding",
        lambda spec: spec.update(keypoint_names=spec["keypoint_names"][:-1], skeleton=[]),
        "the difference is in the decoding: 15 keypoints instead of 16",
    ),
    "stride": DescriptionFault(
        "decoding",
        _stride,
        "the difference is in the decoding: the stride of the maps is 8 instead of unset",
    ),
    "no depth": DescriptionFault(
        "decoding",
        lambda spec: spec.update(roles={"hm": "hm"}),
        "the description has no output with the role depth, so its poses have no 3D positions",
    ),
    "colors": DescriptionFault(
        "preprocessing",
        _contract(color_order="RGB"),
        "the difference is in the preprocessing: contract.color_order is RGB instead of BGR",
    ),
    "mean": DescriptionFault(
        "preprocessing",
        _contract(mean=[0, 0, 0]),
        "the difference is in the preprocessing: contract.mean is (0, 0, 0) instead of (123.675, 116.28, "
        "103.53)",
    ),
    "fit": DescriptionFault(
        "preprocessing",
        _contract(fit="box"),
        "the difference is in the preprocessing: contract.fit is box instead of center",
    ),
    "margin": DescriptionFault(
        "preprocessing",
        _contract(fit="box", margin=2.0),
        "contract.margin is 2 instead of 1.25",
    ),
}
"""Faults in the description of the small network of ``write_crop_network("hg")``."""
