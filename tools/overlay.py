"""Draw the skeletons from several runs of ``posedeploy predict`` over each other on one image.

``python tools/overlay.py IMAGE -o PICTURE NAME=poses.json ...``, for up to three runs. Each run is
drawn with thinner lines than the one before, so that all are visible where they agree. The legend shows the
distance of each from the first.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy import files
from posedeploy.poses.draw import put_text, to_fixed_point
from posedeploy.poses.lightweight_openpose_2d import SKELETON
from posedeploy.poses.person_matching import match_people
from posedeploy.predict.images import read_image
from posedeploy.predict.poses_json import DECIMALS
from posedeploy.types import Array, Poses
from tools.command_line import run_tool
from tools.contact_sheet import picture_path
from tools.poses_file import read_poses

SHIFT = 3
ROUNDED = 10.0**-DECIMALS
"""The precision of the positions in px: the files round them."""
LINE_COLORS = ((60, 60, 255), (70, 220, 250), (255, 255, 255))
"""BGR of the first run, the second and the third."""
WIDTHS = (9, 5, 2)
"""In px, on an image of 900 px."""
INK, PAPER = (40, 32, 28), (255, 255, 255)


def people_of(poses: Path) -> Array:
    """Return (people, keypoints, 3) of a ``poses.json`` of one image: x px, y px, and 2 if found, otherwise
    0."""
    document = read_poses(poses)
    people = [np.reshape(person["keypoints"], (-1, 3)) for person in document["annotations"]]
    return np.array(people).reshape(len(people), -1, 3)


def distance_px(people: Array, others: Array) -> float:
    """Return the largest distance between keypoints of the same people; infinite if people or keypoints
    differ."""
    if people.shape != others.shape:
        return float("inf")
    pairs = match_people(_poses(people), _poses(others)).pairs
    first, second = people[pairs[:, 0]], others[pairs[:, 1]]
    if len(pairs) < len(people) or (first[..., 2] != second[..., 2]).any():
        return float("inf")
    return float(np.hypot(*(first - second)[..., :2].T).max(initial=0.0))


def _poses(people: Array) -> Poses:
    """Return the people as decoding returns them: a missing keypoint is -1 in all three values."""
    return Poses(np.where(people[..., 2:] > 0, people, -1.0), np.ones(len(people)))


def draw_overlay(image: Array, runs: dict[str, Array]) -> Array:
    """Return the image with the skeletons of every run, and the legend below it."""
    picture = image.copy()
    unit = image.shape[1] / 900
    for people, color, width in zip(runs.values(), LINE_COLORS, WIDTHS, strict=False):
        for person in people:
            points, is_found = to_fixed_point(person[:, :2]), person[:, 2] > 0
            limbs = [points[[a, b]] for a, b in SKELETON if is_found[a] and is_found[b]]
            cv2.polylines(picture, limbs, False, color, max(1, round(width * unit)), cv2.LINE_AA, SHIFT)
            for x, y in points[is_found].tolist():
                radius = round((width * unit * 0.75 + 1) * 2**SHIFT)
                cv2.circle(picture, (x, y), radius, color, -1, cv2.LINE_AA, SHIFT)
    return np.vstack([picture, _legend(image.shape[1], runs, unit)])


def _legend(width: int, runs: dict[str, Array], unit: float) -> Array:
    first = next(iter(runs.values()))
    step = round(34 * unit)
    legend = np.full((step * len(runs) + round(16 * unit), width, 3), PAPER, np.uint8)
    for row, (name, people) in enumerate(runs.items()):
        y = round(8 * unit) + step * row + step // 2
        start, end = (round(20 * unit), y), (round(80 * unit), y)
        cv2.line(legend, start, end, INK, round((WIDTHS[row] + 3) * unit), cv2.LINE_AA)
        cv2.line(legend, start, end, LINE_COLORS[row], max(1, round(WIDTHS[row] * unit)), cv2.LINE_AA)
        text = f"{name}: {len(people)} {'person' if len(people) == 1 else 'people'}"
        if row:
            distance = distance_px(first, people)
            apart = f"at most {distance:.3g} px" if distance >= ROUNDED else f"less than {ROUNDED:g} px"
            text += f", {apart} from {next(iter(runs))}"
        put_text(legend, text, (round(100 * unit), y + round(7 * unit)), 0.65 * unit, INK)
    return legend


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", type=Path)
    parser.add_argument("runs", nargs="+", metavar="NAME=poses.json")
    parser.add_argument("-o", "--output", type=picture_path, required=True)
    arguments = parser.parse_args()
    if len(arguments.runs) > len(LINE_COLORS):
        parser.error(f"{len(arguments.runs)} runs: expected at most {len(LINE_COLORS)}")
    named = [run.partition("=") for run in arguments.runs]
    if unnamed := [run for run, equals, _ in named if not equals]:
        parser.error(f"{unnamed[0]}: expected NAME=poses.json")
    runs = {name: people_of(Path(path)) for name, _, path in named}
    _, encoded = cv2.imencode(arguments.output.suffix, draw_overlay(read_image(arguments.image), runs))
    with files.staged(arguments.output.parent) as stage:
        (stage / arguments.output.name).write_bytes(encoded.tobytes())
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    run_tool(main)
