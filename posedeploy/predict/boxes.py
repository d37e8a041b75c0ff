"""Where the people of a frame are, for networks that look at one person's box at a time.

::

    [[90.5, 60.2, 140, 220], ...]                              boxes of the only image, or of every frame
    [{"image": "a.jpg", "boxes": [[90.5, 60.2, 140, 220]]}, ...]   of each image of a folder, by its name

A box is x, y, width, height in px of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.crops import CROPPING
from posedeploy.predict.chain import Predictor
from posedeploy.predict.document import MadeBy
from posedeploy.predict.frames import Frame, Source
from posedeploy.text_files import read_json
from posedeploy.types import Array, ModelSpec, Poses

GROWTH = 0.1
"""What a found person's box gains on every side, of its longer one: keypoints are joints, and heads, hands
and feet reach beyond them."""

WHAT = 'a JSON list of boxes [x, y, width, height] in px, or of {"image": NAME, "boxes": [...]}'

_Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Finder:
    """Finds the boxes of a frame: ``find`` gives (people, 4) x, y, width, height in px.

    name: the file or artifact that they come from. made_by: the detector, where it is one.
    """

    name: str
    find: Callable[[Frame], Array]
    made_by: MadeBy | None = None


class _Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    image: str
    boxes: list[_Box]


def takes_boxes(spec: ModelSpec) -> bool:
    """Whether a network looks at one person at a time."""
    return spec.contract is not None and spec.contract.fit in CROPPING


def read_boxes(path: Path, source: Source) -> Finder:
    """The boxes that a JSON file gives for the frames of a source.

    Raises:
        InputError: it cannot be read, is of another form, or is of other images than the source has.
    """
    content: list[_Entry | _Box] = read_json(path, WHAT, list[_Entry | _Box])
    entries = [entry for entry in content if isinstance(entry, _Entry)]
    plain = [box for box in content if not isinstance(box, _Entry)]
    if entries and plain:
        raise InputError(f"{path}: it mixes boxes with images that have boxes; put each box under its image")
    if entries:
        named = _named(path, entries, source)
        return Finder(path.name, lambda frame: named[frame.name])
    if source.kind == "images" and source.total != 1:
        raise InputError(
            f"{path}: {source.name} has {source.total} images, so each box must say which it is of: "
            '{"image": NAME, "boxes": [...]}'
        )
    boxes = _array(plain)
    return Finder(path.name, lambda frame: boxes)


def _named(path: Path, entries: list[_Entry], source: Source) -> Mapping[str, Array]:
    names = [entry.image for entry in entries]
    wanted = set(source.frame_names)
    faults = (
        (sorted({name for name in names if names.count(name) > 1}), "names twice"),
        (sorted(set(names) - wanted), f"gives boxes for what {source.name} does not have:"),
        (
            sorted(wanted - set(names)),
            'gives no boxes (an empty list, "boxes": [], where there is nobody) for',
        ),
    )
    for found, fault in faults:
        if found:
            more = f" and {len(found) - 8} more" if len(found) > 8 else ""
            raise InputError(f"{path}: it {fault} {', '.join(found[:8])}{more}")
    return {entry.image: _array(entry.boxes) for entry in entries}


def _array(boxes: list[_Box]) -> Array:
    return np.array(boxes, np.float64).reshape(-1, 4)


def detected_by(detector: Predictor, name: str, made_by: MadeBy | None = None) -> Finder:
    """The boxes of the people that another network finds, each grown a little.

    Raises:
        InputError: that network looks at one person at a time itself.
    """
    if takes_boxes(detector.spec):
        raise InputError(
            f"--detector {name}: {detector.spec.family} looks at one person at a time itself; name a network "
            "that finds the people in an image, such as lightweight-openpose-2d"
        )
    return Finder(name, lambda frame: boxes_of(detector(frame.image), frame.image), made_by)


def boxes_of(poses: Poses, image: Array) -> Array:
    """(people, 4) the boxes of people found in a (H, W, 3) image, grown by ``GROWTH`` and kept within it."""
    tight = poses.boxes.astype(np.float64)
    gain = GROWTH * tight[:, 2:].max(axis=1, keepdims=True, initial=0)
    low = np.maximum(tight[:, :2] - gain, 0)
    high = np.minimum(tight[:, :2] + tight[:, 2:] + gain, image.shape[1::-1])
    # Two px are the least that can be cut out; keypoints that all lie in one place are no person's.
    large = np.isfinite(low).all(axis=1) & (high - low >= 2).all(axis=1)
    grown: Array = np.concatenate([low, high - low], axis=1)[large]
    return grown
