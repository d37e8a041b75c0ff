"""The shards of images: a worker detects the people, and writes pictures and meshes."""

from __future__ import annotations

import shutil
import uuid
from contextlib import ExitStack
from pathlib import Path

from posedeploy.predict.frames import Frame
from posedeploy.predict.image_files import Images
from posedeploy.predict.mesh_files import MeshFiles
from posedeploy.predict.pictures import Names, Painter, PictureFiles
from posedeploy.predict.pose_predictor import PosePredictor, choose_predictor
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.scaling.image_worker import WrittenFiles, predict_images
from posedeploy.scaling.job_folder import PICTURES, JobFolder
from posedeploy.scaling.poses_table import ImageRow
from posedeploy.scaling.shard_job import ShardJob, open_job
from posedeploy.types import ModelSpec, Poses, RuntimeInfo


class ImageShards:
    """Computes the shards of images."""

    def __init__(self, job: ShardJob, folder: JobFolder, shard_size: int, opened: ExitStack) -> None:
        """
        Args:
            opened: closes the models.

        Raises:
            PoseDeployError: a model cannot be opened on this machine.
        """
        source = folder.read_source(job.source) if job.settings.persons.boxes else Images(job.source, ())
        runner, artifact, self._options = open_job(job, source, opened)
        self._folder, self._size, self._spec = folder, shard_size, artifact.spec
        self._predictor: PosePredictor = choose_predictor(runner, artifact, self._options)
        self._box_remarks = self._options.person_source.remarks if self._options.person_source else ()
        self._reported = len(self._box_remarks)  # the calling process reports those on the whole file
        self.runtime: RuntimeInfo = runner.runtime_info

    def predict(self, shard: int) -> list[ImageRow]:
        """Return the result of each image, and replace the pictures of the shard."""
        images, first = self._folder.read_images(shard), shard * self._size
        if not self._options.draw and self._options.faces is None:
            return predict_images(self._predictor, images, first)
        pictures = _Pictures(self._folder.pictures(shard), self._spec, self._options)
        try:
            rows = predict_images(self._predictor, images, first, pictures.write)
            pictures.finish()
        finally:
            pictures.discard()
        return rows

    def take_remarks(self) -> list[str]:
        """Return the remarks on images since the last call."""
        box_remarks = self._box_remarks[self._reported :]
        self._reported += len(box_remarks)
        remarks = [*box_remarks, *self._predictor.remarks]
        self._predictor.remarks.clear()
        return remarks

    def describe(self, shard: int) -> str:
        """Return the images of a shard for messages."""
        images, first = self._folder.read_images(shard), shard * self._size
        return f"images {first} to {first + len(images) - 1} ({images[0].name} to {images[-1].name})"


class _Pictures:
    """The pictures and meshes of a shard, in a folder that replaces that of an earlier attempt."""

    def __init__(self, folder: Path, spec: ModelSpec, options: PredictOptions) -> None:
        self._folder = folder
        self._part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
        self._part.mkdir(parents=True)
        names = Names(self._part, ())
        self._painter, self._files, self._meshes = None, PictureFiles(self._part, names), None
        if options.draw:
            self._painter = Painter(spec, is_video=False, faces=options.faces)
        if options.faces is not None:
            self._meshes = MeshFiles(self._part, names, options.faces, options.mesh_format)

    def write(self, frame: Frame, poses: Poses) -> WrittenFiles:
        """Write the files of an image, and return their names relative to the output folder."""
        picture = None
        if self._painter is not None:
            name = self._files.write(frame, self._painter.paint(frame.image.copy(), poses))
            picture = self._relative(name)
        meshes = self._meshes.write(frame, poses) if self._meshes is not None else ()
        return picture, tuple(map(self._relative, meshes))

    def finish(self) -> None:
        """Replace the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._part.replace(self._folder)

    def discard(self) -> None:
        """Delete the files, unless they have replaced the folder."""
        shutil.rmtree(self._part, ignore_errors=True)

    def _relative(self, name: str) -> str:
        return f"{PICTURES}/{self._folder.name}/{name}"
