"""Pictures of poses, and their files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Protocol

import cv2
import numpy as np

from posedeploy.errors import InputError, OutputError
from posedeploy.files import MAX_NAME_BYTES
from posedeploy.poses.cameras import FIELD_OF_VIEW
from posedeploy.poses.draw import Region, color_of, draw_poses_into
from posedeploy.poses.draw_3d import Viewpoint, choose_viewpoint, draw_poses_3d, join_side_by_side
from posedeploy.poses.draw_mesh import draw_mesh
from posedeploy.poses.weak_perspective import WeakPerspective, fit_camera
from posedeploy.predict.frames import Frame
from posedeploy.types import Array, ModelSpec, Poses


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawn picture, (H, W, 3) uint8 BGR.

    parts: the parts that differ from the image of the frame; None if any pixel may differ.
    """

    pixels: Array
    parts: Sequence[Region] | None = None


class Painter:
    """Draws skeletons and meshes over the image and, for 3D poses, the 3D scene next to it."""

    def __init__(self, spec: ModelSpec, *, is_video: bool, faces: Array | None = None) -> None:
        """
        Args:
            is_video: the images come from one video, so the view of the scene changes only if necessary.
            faces: (triangles, 3) vertex numbers of the network's mesh.
        """
        self._skeleton = spec.skeleton
        self._faces = faces
        self.undrawn_meshes = 0
        """The number of people whose mesh is not drawn, because no camera projects it onto the image."""
        self._is_video = is_video
        self._view: Viewpoint | None = None

    def __call__(self, image: Array, poses: Poses) -> Array:
        """Return a new (H, W, 3) uint8 BGR picture."""
        return self.paint(np.ascontiguousarray(image).copy(), poses).pixels

    def paint(self, drawn: Array, poses: Poses) -> Picture:
        """Draw into a contiguous (H, W, 3) uint8 BGR image, and return the picture with it."""
        height, width = drawn.shape[:2]
        if poses.root_relative:
            cameras = fit_cameras(poses)
            self._draw_meshes(drawn, poses, cameras)
            poses = place_people(poses, cameras, (width, height))
        parts = draw_poses_into(drawn, poses, self._skeleton)
        if poses.keypoints_3d is None:
            return Picture(drawn, parts)
        self._view = self._next_view(poses)
        scene = draw_poses_3d(poses, self._skeleton, (max(width, height), height), self._view)
        return Picture(join_side_by_side(drawn, scene))

    def _draw_meshes(self, drawn: Array, poses: Poses, cameras: Sequence[WeakPerspective | None]) -> None:
        """Draw the meshes into the image, the most distant people first."""
        if self._faces is None or poses.vertices is None:
            return
        drawable = [(camera, person) for person, camera in enumerate(cameras) if camera is not None]
        self.undrawn_meshes += len(cameras) - len(drawable)
        for camera, person in sorted(drawable, key=lambda pair: pair[0].scale):
            draw_mesh(drawn, poses.vertices[person], self._faces, camera, color_of(poses, person))

    def _next_view(self, poses: Poses) -> Viewpoint | None:
        """Return the last view while it contains the people, so that the floor of a video does not move."""
        last = self._view
        if not len(poses) or (last is not None and self._is_video and last.holds(poses)):
            return last
        return choose_viewpoint(poses)


def fit_cameras(poses: Poses) -> list[WeakPerspective | None]:
    """Return the camera that projects each person's 3D joints onto the 2D joints; None if no camera fits."""
    assert poses.keypoints_3d is not None, "only 3D poses have cameras"
    cameras: list[WeakPerspective | None] = []
    for joints, keypoints in zip(poses.keypoints_3d, poses.keypoints, strict=True):
        try:
            cameras.append(fit_camera(joints[:, :3], keypoints[:, :2], keypoints[:, 2]))
        except InputError:
            cameras.append(None)
    return cameras


def place_people(
    poses: Poses, cameras: Sequence[WeakPerspective | None], image_size: tuple[int, int]
) -> Poses:
    """Move people from their own pelvis to a common scene, next to each other as in the image.

    The distance of each follows from the size in the image and a typical focal length. People without a
    camera stand in the middle of the others. This is for pictures only: it is not the network's output.
    """
    assert poses.keypoints_3d is not None, "only 3D poses can be placed"
    focal = FIELD_OF_VIEW * image_size[0]
    known = [camera.position_mm(focal, image_size) for camera in cameras if camera is not None]
    middle = np.mean(known, axis=0) if known else np.zeros(3)
    positions = [middle if camera is None else camera.position_mm(focal, image_size) for camera in cameras]
    joints = poses.keypoints_3d.copy()
    joints[..., :3] += np.reshape(positions, (-1, 1, 3))
    return replace(poses, keypoints_3d=joints)


class Sink(Protocol):
    """A writer of pictures to files in a staging folder.

    remarks: messages on the files; complete after ``finish``.
    """

    remarks: list[str]

    def write(self, frame: Frame, picture: Picture) -> str:
        """Write the picture of a frame, and return the name of its file."""

    def finish(self) -> None:
        """Complete the files.

        Raises:
            OSError: a file could not be written completely.
        """

    def close(self) -> None:
        """Release all resources, finished or not. A second call does nothing."""


class PictureFiles:
    """A JPEG file for each frame."""

    def __init__(self, folder: Path, names: Names) -> None:
        self._folder = folder
        self._names = names
        self.remarks: list[str] = []

    def write(self, frame: Frame, picture: Picture) -> str:
        pixels = picture.pixels
        name = self._names.reserve(frame.name, ".jpg")
        try:
            _, encoded = cv2.imencode(".jpg", pixels)
        except cv2.error as error:
            raise OutputError(
                f"{name}: a picture of {pixels.shape[1]}x{pixels.shape[0]} px is too large for a JPEG; "
                "expected at most 65500 px wide and high: crop the image, or write no pictures with `no_draw`"
            ) from error
        (self._folder / name).write_bytes(encoded.data)
        return name

    def finish(self) -> None:
        """Do nothing: each file is complete."""

    def close(self) -> None:
        """Do nothing: no file stays open."""


class Names:
    """Unique file names in one folder, different from those of the input files."""

    def __init__(self, folder: Path, inputs: Iterable[Path]) -> None:
        folder = folder.resolve()
        self._taken = {path.name.casefold() for path in inputs if path.resolve().parent == folder}

    def reserve(self, source: str, suffix: str) -> str:
        """Return a new file name, such as ``photo.jpg`` for ``photo.png``.

        If it is taken, the name is ``photo.png.poses.jpg``, then ``photo.png.poses-2.jpg`` and so on. For an
        image in a subfolder, the folder's name comes first: ``day 1_photo.jpg``.
        """
        flat = source.replace("/", "_")
        numbered = ((flat, f".poses-{number}{suffix}") for number in count(2))
        candidates = chain([(PurePosixPath(flat).stem, suffix), (flat, f".poses{suffix}")], numbered)
        names = (_truncate(stem, ending) for stem, ending in candidates)
        name = next(name for name in names if name.casefold() not in self._taken)
        self._taken.add(name.casefold())
        return name


def _truncate(stem: str, suffix: str) -> str:
    """Return the file name, its stem truncated to the longest name that file systems allow."""
    encoded = stem.encode()[: MAX_NAME_BYTES - len(suffix.encode())]
    return encoded.decode(errors="ignore") + suffix
