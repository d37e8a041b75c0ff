"""The output of each frame: tracking, drawing, encoding and recording of its poses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from posedeploy import plugins
from posedeploy.errors import MissingPackageError
from posedeploy.poses.tracking import ID_AFTER_FRAMES, MAX_GAP_S, Tracker
from posedeploy.predict import poses_json
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.mesh_files import MeshFiles
from posedeploy.predict.opencv_video import WITHOUT_PYAV
from posedeploy.predict.opencv_writer import OpenCvWriter
from posedeploy.predict.pictures import Names, Painter, Picture, PictureFiles, Sink
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.printable import counted
from posedeploy.types import Array, Artifact, Poses


class FrameOutput:
    """Processes the poses of each frame: ids, smoothing, drawing, encoding and recording."""

    def __init__(
        self,
        artifact: Artifact,
        sigmas: Sequence[float],
        options: PredictOptions,
        *,
        is_video: bool,
        sink: Sink | None,
        meshes: MeshFiles | None,
    ) -> None:
        self.is_tracking = is_video and options.track
        self.people: list[int] = []
        self.widths: set[int] = set()
        self.document = poses_json.PosesDocument(artifact.spec, options.camera)
        self._tracker: Tracker | None = None
        if self.is_tracking:
            self._tracker = Tracker(
                sigmas, options.smooth, id_after_frames=ID_AFTER_FRAMES, max_gap_s=MAX_GAP_S
            )
        self._painter: Painter | None = None
        if options.draw or options.show:
            self._painter = Painter(artifact.spec, is_video=is_video, faces=options.faces)
        self._sink = sink
        self._meshes = meshes
        self._is_video = is_video
        self._frames_without_mesh: list[str] = []

    def __call__(self, frame: Frame, poses: Poses) -> Array | None:
        """Process a frame, and return its picture if one is drawn."""
        if self._tracker is not None:
            poses = self._tracker.update(poses, frame.time_s)
            self.document.assign_ids(self._tracker.assigned_ids)
        picture = self._paint(frame, poses) if self._painter else None
        name = self._sink.write(frame, picture) if self._sink and picture is not None else None
        self.document.add(frame, poses, name, self._meshes.write(frame, poses) if self._meshes else ())
        self.people.append(len(poses))
        self.widths.add(frame.image.shape[1])
        return picture.pixels if picture is not None else None

    @property
    def remarks(self) -> list[str]:
        """Remarks on the written files and on meshes that are not drawn."""
        remarks = list(self._sink.remarks) if self._sink else []
        if self._frames_without_mesh:
            first, more = self._frames_without_mesh[0], len(set(self._frames_without_mesh)) - 1
            meshes = counted(len(self._frames_without_mesh), "mesh", "meshes")
            images = "" if self._is_video else f", in {first}" + (f" and {more} more" if more else "")
            remarks.append(
                f"{meshes} not drawn{images}: no weak-perspective camera fits the 3D joints and the 2D joints"
            )
        return remarks

    def finish(self) -> None:
        """Assign the last ids and complete the files."""
        if self._tracker is not None:
            self.document.assign_ids(self._tracker.finish())
        if self._sink is not None:
            self._sink.finish()

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()

    def _paint(self, frame: Frame, poses: Poses) -> Picture:
        assert self._painter is not None
        before = self._painter.undrawn_meshes
        image = np.ascontiguousarray(frame.image)
        picture = self._painter.paint(image if frame.decoded is not None else image.copy(), poses)
        self._frames_without_mesh += [frame.name] * (self._painter.undrawn_meshes - before)
        return picture


def open_frame_output(
    source: Source,
    artifact: Artifact,
    sigmas: Sequence[float],
    options: PredictOptions,
    stage: Path,
    folder: Path,
) -> FrameOutput:
    """Return the output of a source's frames.

    Args:
        sigmas: the OKS sigmas of the keypoints, for tracking.
        stage: the folder to write into. folder: the one that these files are moved to.
    """
    return FrameOutput(
        artifact,
        sigmas,
        options,
        is_video=source.is_video,
        sink=_sink(source, stage, folder) if options.draw else None,
        meshes=_mesh_files(source, stage, folder, options),
    )


def _mesh_files(source: Source, stage: Path, folder: Path, options: PredictOptions) -> MeshFiles | None:
    if options.faces is None or source.is_video:
        return None
    return MeshFiles(stage, Names(folder, source.inputs), options.faces, options.mesh_format)


def _sink(source: Source, stage: Path, folder: Path) -> Sink:
    names = Names(folder, source.inputs)
    if not source.is_video:
        return PictureFiles(stage, names)
    path = stage / names.reserve(source.file_name, ".mp4")
    try:
        writer: Callable[[Path, Source], Sink] = plugins.load("posedeploy.predict.video_writer:VideoWriter")
    except MissingPackageError:
        if WITHOUT_PYAV not in source.remarks:
            source.remarks.append(WITHOUT_PYAV)
        return OpenCvWriter(path, source)
    return writer(path, source)
