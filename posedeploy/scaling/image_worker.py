"""Estimate the poses in a list of images, and keep the reasons why some cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TypeAlias

from posedeploy.predict.frames import Frame
from posedeploy.predict.image_files import Images
from posedeploy.predict.images import Picture
from posedeploy.predict.pose_predictor import PosePredictor, choose_predictor
from posedeploy.scaling.image_list import ImageRef
from posedeploy.scaling.outcome import check_version
from posedeploy.scaling.poses_table import ImageRow
from posedeploy.scaling.read_ahead import ReadImage, read_ahead
from posedeploy.scaling.shard_job import ShardJob, open_job
from posedeploy.types import Poses

WrittenFiles: TypeAlias = tuple[str | None, tuple[str, ...]]
"""The picture of an image, and the meshes of its people."""
WriteFiles: TypeAlias = Callable[[Frame, Poses], WrittenFiles]
"""Draws the people in a frame, and returns the names of the files."""


class ImageWorker:
    """A process with open models, which processes the images of each task."""

    def __init__(self, job: ShardJob) -> None:
        """
        Raises:
            ClusterError: this process has another version of posedeploy.
            PoseDeployError: a model cannot be opened on this machine.
        """
        check_version(job.version)
        self._opened = ExitStack()
        runner, artifact, options = open_job(job, Images(job.source, ()), self._opened)
        self._predictor = choose_predictor(runner, artifact, options)

    def __call__(self, task: tuple[int, Sequence[ImageRef]]) -> list[ImageRow]:
        """Return the results of images.

        Args:
            task: the index of the first image, and the images.
        """
        first, images = task
        return predict_images(self._predictor, images, first)


def predict_images(
    predictor: PosePredictor,
    images: Sequence[ImageRef],
    first: int,
    write_files: WriteFiles | None = None,
) -> list[ImageRow]:
    """Return the result of each image, in order.

    Args:
        first: the index of the first image in the job.
    """
    rows = {index: ImageRow(index, image.name) for index, image in enumerate(images, first)}
    rejected: list[str] = []
    pending: dict[int, None] = {}
    with closing(read_ahead(images)) as read:
        frames = _iterate_frames(read, rows, pending)
        with closing(predictor.stream(frames, rejected)) as results:
            for frame, poses in results:
                del pending[frame.index]
                height, width = frame.image.shape[:2]
                picture, meshes = write_files(frame, poses) if write_files else (None, ())
                rows[frame.index] = replace(
                    rows[frame.index],
                    size=(width, height),
                    poses=replace(poses, vertices=None),
                    picture=picture,
                    meshes=meshes,
                )
    for index, reason in zip(pending, rejected, strict=True):
        rows[index] = replace(rows[index], error=reason)
    return list(rows.values())


def _iterate_frames(
    read: Iterator[ReadImage], rows: dict[int, ImageRow], pending: dict[int, None]
) -> Iterator[Frame]:
    """Yield the images that can be read, and record the others.

    Args:
        pending: gets the indices of the frames.
    """
    for (index, row), picture in zip(list(rows.items()), read, strict=True):
        if not isinstance(picture, Picture):
            rows[index] = replace(row, error=str(picture))
            continue
        rows[index] = replace(row, remark=picture.remark)
        pending[index] = None
        yield Frame(row.name, picture.pixels, index)
