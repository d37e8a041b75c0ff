"""The pictures of the worst inputs for the page of a certificate."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from posedeploy.benchmarks.pose_comparison import ImagePairs
from posedeploy.benchmarks.worst_inputs import Illustrations, WorstInput
from posedeploy.pages import formats
from posedeploy.pages.overlay import Overlay, Point, Side, Skeleton, build_skeleton, fit_view, zoom_on
from posedeploy.poses.person_matching import match_people
from posedeploy.printable import counted
from posedeploy.types import Array, Poses

JPEG_QUALITY = 82
MAX_MAP_PX = 256
"""The longer side of the picture of a map."""
VIEW_PX = 320.0
"""The side of a view of 3D positions."""
MESH_PX = 360
LARGEST: Mapping[str, str] = {"px": "px", "joint_mm": "mm (3D joint)", "vertex_mm": "mm (vertex)"}
"""The measures of the largest difference of an input, with their units."""
MAX_MAPS = 4
"""The outputs whose maps are shown: those with the largest differences."""


@dataclass(frozen=True)
class MapPicture:
    """The differences of an output as a picture. largest: the value of the brightest cell."""

    name: str
    picture: str
    largest: float


@dataclass(frozen=True)
class InputPictures:
    """The part of the page about one input.

    summary: its differences in words. equal_maps: the outputs without any difference. mesh: the picture of
    the vertices, colored by their error; empty without a mesh. mesh_mm: the largest error.
    """

    name: str
    overlay: Overlay | None
    views: tuple[Overlay, ...]
    maps: tuple[MapPicture, ...]
    summary: str
    equal_maps: tuple[str, ...]
    mesh: str = ""
    mesh_mm: float = 0.0


def draw_input(worst: WorstInput, shown: Illustrations, *, with_image: bool) -> InputPictures:
    """Return the pictures of one input.

    Args:
        with_image: embed the image; otherwise, skeletons and maps are shown without it.
    """
    mesh, mesh_mm = _draw_mesh(worst)
    return InputPictures(
        worst.name,
        _draw_overlay(worst, shown, with_image=with_image),
        _draw_views(worst, shown),
        tuple(_draw_maps(worst)),
        _summarize(worst.pairs) if worst.pairs is not None else "",
        tuple(name for name, array in worst.maps.items() if not array.any()),
        mesh,
        mesh_mm,
    )


def _summarize(pairs: ImagePairs) -> str:
    """Return the counts and the largest differences of an input."""
    parts = [f"{counted(pairs.people, 'person', 'people')} matched"]
    parts += [f"{pairs.missed} missed, {pairs.extra} extra"] if pairs.missed + pairs.extra else []
    parts += (
        [f"{counted(pairs.unmatched_keypoints, 'unmatched keypoint')}"] if pairs.unmatched_keypoints else []
    )
    shown = [
        f"{formats.error_in_text(float(values.max()))} {LARGEST[measure]}"
        for measure, values in pairs.values.items()
        if measure in LARGEST and len(values)
    ]
    return ", ".join(parts) + (f"; largest difference {', '.join(shown)}" if shown else "")


def _draw_overlay(worst: WorstInput, shown: Illustrations, *, with_image: bool) -> Overlay | None:
    """Return both skeletons over the image; None for an input without one."""
    if worst.image is None:
        return None
    height, width = worst.image.shape[:2]
    skeletons: list[Skeleton] = []
    zoom = None
    if worst.reference is not None and worst.candidate is not None:
        skeletons = [
            build_skeleton(side, _points(person, worst.scale), shown.skeleton)
            for side, poses in _sides(worst)
            for person in poses.keypoints
        ]
        points = _find_worst_keypoint(worst.reference, worst.candidate, worst.ambiguous)
        scaled = [(x * worst.scale, y * worst.scale) for x, y in points]
        zoom = zoom_on(scaled, width, height) if scaled else None
    return Overlay(
        title=worst.name,
        width=width,
        height=height,
        skeletons=tuple(skeletons),
        picture=_encode_jpeg(worst.image) if with_image else "",
        zoom=zoom,
    )


def _sides(worst: WorstInput) -> list[tuple[Side, Poses]]:
    sides: list[tuple[Side, Poses | None]] = [("reference", worst.reference), ("candidate", worst.candidate)]
    return [(side, poses) for side, poses in sides if poses is not None]


def _points(person: Array, scale: float) -> list[Point | None]:
    """Return the keypoints (keypoints, 3) of one person; None for missing ones and for NaN."""
    return [
        (float(x) * scale, float(y) * scale) if score >= 0 and np.isfinite(x + y) else None
        for x, y, score in person.tolist()
    ]


def _find_worst_keypoint(reference: Poses, candidate: Poses, ambiguous: Array | None) -> list[Point]:
    """Return the positions of the keypoint with the largest difference in the models that find it.

    A keypoint that only one model finds comes first.

    Args:
        ambiguous: (candidate's people, at least the keypoints) the points to ignore.
    """
    pairs = match_people(reference, candidate).pairs
    sides = np.stack([reference.keypoints[pairs[:, 0]], candidate.keypoints[pairs[:, 1]]])
    is_present = (sides[..., 2] >= 0) & np.isfinite(sides).all(axis=-1)
    counted = is_present.any(axis=0)
    if ambiguous is not None:
        counted &= ~ambiguous[pairs[:, 1], : counted.shape[1]]
    if not counted.any():
        return []
    distances = np.linalg.norm(sides[0, ..., :2] - sides[1, ..., :2], axis=-1)
    ranks = np.where(is_present.all(axis=0), distances, np.inf)
    person, joint = np.unravel_index(int(np.where(counted, ranks, -1.0).argmax()), ranks.shape)
    points = sides[is_present[:, person, joint], person, joint, :2].tolist()
    return [(float(x), float(y)) for x, y in points]


def _draw_views(worst: WorstInput, shown: Illustrations) -> tuple[Overlay, ...]:
    """Return the 3D joints from the front and from the side, or the 2D joints of an input without image."""
    views = []
    for title, axes in (("from the front", (0, 1)), ("from the side", (2, 1))):
        skeletons = [
            build_skeleton(side, _points_3d(person, axes), shown.skeleton)
            for side, poses in _sides(worst)
            if poses.keypoints_3d is not None
            for person in poses.keypoints_3d
        ]
        views.append(fit_view(title, skeletons, VIEW_PX))
    return tuple(view for view in views if view is not None)


def _points_3d(person: Array, axes: tuple[int, int]) -> list[Point | None]:
    points = person[:, list(axes)].tolist()
    return [(float(x), float(y)) if np.isfinite(x + y) else None for x, y in points]


def _draw_maps(worst: WorstInput) -> list[MapPicture]:
    largest = {name: float(array.max(initial=0.0)) for name, array in worst.maps.items() if array.any()}
    names = sorted(largest, key=lambda name: -largest[name])[:MAX_MAPS]
    return [MapPicture(name, _encode_map(worst.maps[name]), largest[name]) for name in names]


def _encode_map(values: Array) -> str:
    """Return a map as a picture: dark for 0, bright for its largest value and for infinity."""
    largest = float(values.max(where=np.isfinite(values), initial=0.0)) or 1.0
    shares = np.nan_to_num(np.minimum(values / largest, 1.0), nan=1.0)
    scale = min(1.0, MAX_MAP_PX / max(values.shape))
    if scale < 1:
        size = [max(1, round(scale * side)) for side in values.shape[::-1]]
        shares = cv2.resize(shares, size, interpolation=cv2.INTER_AREA)
    return _encode_png(cv2.applyColorMap((255 * shares).astype(np.uint8), cv2.COLORMAP_CIVIDIS))


def _draw_mesh(worst: WorstInput) -> tuple[str, float]:
    """Return the vertices of the first person from the front, colored by their error, and the largest error
    in mm; ('', 0) without a mesh."""
    sides = [poses.vertices for _, poses in _sides(worst) if poses.vertices is not None and len(poses)]
    if len(sides) != 2:
        return "", 0.0
    ours, theirs = sides[0][0], sides[1][0]
    errors = np.linalg.norm(ours - theirs, axis=-1)
    if not np.isfinite(ours).all() or not np.isfinite(errors).all():
        return "", float("inf")
    largest = float(errors.max(initial=0.0))
    shares = (255 * errors / (largest or 1.0)).astype(np.uint8)
    colors = cv2.applyColorMap(shares.reshape(-1, 1), cv2.COLORMAP_CIVIDIS).reshape(-1, 3)
    low, high = ours[:, :2].min(axis=0), ours[:, :2].max(axis=0)
    scale = 0.9 * MESH_PX / (float((high - low).max()) or 1.0)
    at = np.rint(MESH_PX / 2 + scale * (ours[:, :2] - (low + high) / 2)).astype(int)
    picture = np.zeros((MESH_PX, MESH_PX, 4), np.uint8)
    for number in np.argsort(-ours[:, 2], kind="stable").tolist():
        cv2.circle(picture, at[number].tolist(), 2, (*colors[number].tolist(), 255), -1)
    return _encode_png(picture), largest


def _encode_jpeg(image: Array) -> str:
    return _encode(image, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY], "image/jpeg")


def _encode_png(image: Array) -> str:
    return _encode(image, ".png", [], "image/png")


def _encode(image: Array, suffix: str, options: Sequence[int], kind: str) -> str:
    is_encoded, content = cv2.imencode(suffix, image, options)
    assert is_encoded, "OpenCV encodes 8-bit images"
    return f"data:{kind};base64,{base64.b64encode(content.tobytes()).decode()}"
