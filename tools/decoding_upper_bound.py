"""Score the ideal maps of synthetic people, which is the upper bound for any network.

``python tools/decoding_upper_bound.py --count 60 --seed 2`` prints AP and AR of the decoded maps. Their
distance from 1 is the loss through the stride of 8 and the decoding.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.benchmarks.annotations import read_annotations
from posedeploy.benchmarks.detections import match_keypoints
from posedeploy.benchmarks.evaluation import evaluate
from posedeploy.checkpoints import lightweight_openpose_2d as network
from posedeploy.joint_sets import sigmas_of
from posedeploy.poses import lightweight_openpose_2d as family
from posedeploy.poses.preprocess import prepare
from posedeploy.synthetic import generate_scene
from posedeploy.synthetic.coco_annotations import NAME, write_images
from posedeploy.types import Camera, Poses, RuntimeInfo
from tools.command_line import run_tool
from tools.training_data import STRIDE, heatmaps_of, pafs_of


def ideal_poses(seed: int, count: int) -> Iterator[Poses]:
    """Yield the poses decoded from the ideal maps of each image."""
    spec = network.spec()
    for index in range(count):
        scene = generate_scene(seed, index)
        _, placement = prepare(scene.image, spec)
        cells = [length // STRIDE for length in placement.input_size]
        people = [
            (person.keypoints * placement.scale + placement.offset, person.visibility > 0)
            for person in scene.people
            if person.is_recognizable
        ]
        outputs = {
            spec.roles["heatmaps"]: heatmaps_of(people, *cells)[None],
            spec.roles["pafs"]: pafs_of(people, *cells)[None],
        }
        yield family.decode(outputs, spec, placement, Camera())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), arguments.count, arguments.seed)
        annotations = read_annotations(Path(folder) / NAME, None)
    common = match_keypoints(
        annotations.keypoint_names, family.KEYPOINT_NAMES, sigmas_of(family.KEYPOINT_NAMES)
    )
    nothing = RuntimeInfo("none", "", "", "", None)
    result = evaluate(
        "ideal maps", nothing, annotations, common, enumerate(ideal_poses(arguments.seed, arguments.count))
    )
    for part in result.slices:
        print(f"{part.name}: {part.people} people, AP {part.ap:.3f}, AP50 {part.ap50:.3f}, AR {part.ar:.3f}")


if __name__ == "__main__":
    run_tool(main)
