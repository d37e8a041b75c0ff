"""Poses become pictures, and pictures become files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Protocol

import cv2
import numpy as np

from posedeploy.errors import InputError, OutputError
from posedeploy.files import MAX_NAME_BYTES
from posedeploy.poses.cameras import FIELD_OF_VIEW
from posedeploy.poses.draw import color_of, draw_poses
from posedeploy.poses.draw_3d import View, beside, draw_poses_3d, view_of
from posedeploy.poses.draw_mesh import draw_mesh
from posedeploy.poses.weak_perspective import WeakPerspective, fit
from posedeploy.predict.frames import Frame
from posedeploy.types import Array, ModelSpec, Poses


class Painter:
    """Draws the people over their image, as skeletons and meshes, and where they are in 3D the scene beside
    it."""

    def __init__(self, spec: ModelSpec, *, still: bool, faces: Array | None = None) -> None:
        """
        Args:
            still: the images are not of one video, so each scene is seen from where its people need it.
            faces: (triangles, 3) of the mesh that the network gives.
        """
        self._skeleton = spec.skeleton
        self._faces = faces
        self.not_laid_over = 0
        """People whose mesh is not drawn, since no camera lays them over the image."""
        self._still = still
        self._view: View | None = None

    def __call__(self, image: Array, poses: Poses) -> Array:
        """A new (H, W, 3) uint8 BGR picture."""
        if poses.root_relative:
            cameras = cameras_of(poses)
            image = self._with_meshes(image, poses, cameras)
            poses = placed(poses, cameras, (image.shape[1], image.shape[0]))
        drawn = draw_poses(image, poses, self._skeleton)
        if poses.keypoints_3d is None:
            return drawn
        self._view = self._seen_from(poses)
        height, width = image.shape[:2]
        return beside(drawn, draw_poses_3d(poses, self._skeleton, (max(width, height), height), self._view))

    def _with_meshes(self, image: Array, poses: Poses, cameras: Sequence[WeakPerspective | None]) -> Array:
        """A copy of the image with the meshes, those of far people first."""
        drawn = np.ascontiguousarray(image).copy()
        if self._faces is None or poses.vertices is None:
            return drawn
        there = [(camera, person) for person, camera in enumerate(cameras) if camera is not None]
        self.not_laid_over += len(cameras) - len(there)
        for camera, person in sorted(there, key=lambda one: one[0].scale):
            draw_mesh(drawn, poses.vertices[person], self._faces, camera, color_of(poses, person))
        return drawn

    def _seen_from(self, poses: Poses) -> View | None:
        """The last view, for as long as it holds the people: the floor of a video is to stand still."""
        last = self._view
        if not len(poses) or (last is not None and not self._still and last.holds(poses)):
            return last
        return view_of(poses)


def cameras_of(poses: Poses) -> list[WeakPerspective | None]:
    """The camera that lays each person's 3D joints over the 2D ones; None where none does, as may be where
    the network is untrained."""
    assert poses.keypoints_3d is not None, "only lifted poses are laid over the image"
    cameras: list[WeakPerspective | None] = []
    for joints, keypoints in zip(poses.keypoints_3d, poses.keypoints, strict=True):
        try:
            cameras.append(fit(joints[:, :3], keypoints[:, :2], keypoints[:, 2]))
        except InputError:
            cameras.append(None)
    return cameras


def placed(poses: Poses, cameras: Sequence[WeakPerspective | None], image_size: tuple[int, int]) -> Poses:
    """The people, who are all given from their own pelvis on, beside each other as the image shows them.

    How far away each is follows from the size in the image and a usual focal length; people without a camera
    stand in the middle of the others. For pictures only: no network said it.
    """
    assert poses.keypoints_3d is not None, "only lifted poses are laid over the image"
    focal = FIELD_OF_VIEW * image_size[0]
    known = [camera.position_mm(focal, image_size) for camera in cameras if camera is not None]
    middle = np.mean(known, axis=0) if known else np.zeros(3)
    at = [middle if camera is None else camera.position_mm(focal, image_size) for camera in cameras]
    joints = poses.keypoints_3d.copy()
    joints[..., :3] += np.reshape(at, (-1, 1, 3))
    return replace(poses, keypoints_3d=joints)


class Sink(Protocol):
    """Where pictures go: files in a folder that is put in place later. remarks: what the user should know of
    them, complete when they are finished."""

    remarks: list[str]

    def write(self, frame: Frame, picture: Array) -> str:
        """Write the picture of a frame; returns the name of the file that it is in."""

    def finish(self) -> None:
        """Bring the files to their end.

        Raises:
            OSError: they could not be written whole.
        """

    def close(self) -> None:
        """Give back what is held, finished or not. Closing twice does nothing."""


class PictureFiles:
    """A JPEG for each frame."""

    def __init__(self, folder: Path, names: Names) -> None:
        self._folder = folder
        self._names = names
        self.remarks: list[str] = []

    def write(self, frame: Frame, picture: Array) -> str:
        name = self._names.free(frame.name, ".jpg")
        try:
            _, encoded = cv2.imencode(".jpg", picture)
        except cv2.error as error:
            raise OutputError(
                f"{name}: a picture of {picture.shape[1]}x{picture.shape[0]} px cannot be a JPEG (at most "
                "65500 px wide and high); crop the image, or leave the pictures out with `no_draw`"
            ) from error
        (self._folder / name).write_bytes(encoded.data)
        return name

    def finish(self) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        """Nothing is held."""


class Names:
    """File names in one folder: none twice, and never that of a file that is read."""

    def __init__(self, folder: Path, inputs: Iterable[Path]) -> None:
        here = folder.resolve()
        self._taken = {path.name.casefold() for path in inputs if path.resolve().parent == here}

    def free(self, source: str, suffix: str) -> str:
        """``photo.png`` gives ``photo.jpg``; where taken, ``photo.png.poses.jpg``, then with numbers. Of an
        image in a folder below, the folder's name comes in front: ``day 1_photo.jpg``."""
        flat = source.replace("/", "_")
        wanted = [(PurePosixPath(flat).stem, suffix), (flat, f".poses{suffix}")]
        number = 2
        while (name := _short(*wanted[0])).casefold() in self._taken:
            del wanted[0]
            wanted.append((flat, f".poses-{number}{suffix}"))
            number += 1
        self._taken.add(name.casefold())
        return name


def _short(stem: str, suffix: str) -> str:
    """A file's name, its stem cut where the name would be too long."""
    kept = stem.encode()[: MAX_NAME_BYTES - len(suffix.encode())]
    return kept.decode(errors="ignore") + suffix
