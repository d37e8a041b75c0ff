"""What happens to a frame after its poses are found."""

from __future__ import annotations

from posedeploy.poses.tracking import ID_AFTER_FRAMES, MAX_GAP_S, Tracker
from posedeploy.predict import poses_json
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frames import Frame
from posedeploy.predict.lifting import Lifter
from posedeploy.predict.mesh_files import MeshFiles
from posedeploy.predict.pictures import Painter, Sink
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.types import Array, Artifact, Poses


class Finisher:
    """All that happens to a frame after its poses are found: ids, smoothing, drawing, encoding, recording."""

    def __init__(
        self,
        predictor: Predictor | Lifter,
        artifact: Artifact,
        options: PredictOptions,
        *,
        moving: bool,
        sink: Sink | None,
        meshes: MeshFiles | None,
    ) -> None:
        self.tracks = moving and options.track
        self.people: list[int] = []
        self.widths: set[int] = set()
        self.document = poses_json.Document(artifact.spec, options.camera)
        self._tracker: Tracker | None = None
        if self.tracks:
            self._tracker = Tracker(
                predictor.sigmas, options.smooth, id_after_frames=ID_AFTER_FRAMES, max_gap_s=MAX_GAP_S
            )
        self._painter: Painter | None = None
        if options.draw or options.show:
            self._painter = Painter(artifact.spec, still=not moving, faces=options.faces)
        self._sink = sink
        self._meshes = meshes
        self._moving = moving
        self._not_laid_over: list[str] = []

    def __call__(self, frame: Frame, poses: Poses) -> Array | None:
        """The picture of the frame, where one was asked for."""
        if self._tracker is not None:
            poses = self._tracker.update(poses, frame.time_s)
            self.document.name(self._tracker.named)
        picture = self._painted(frame, poses) if self._painter else None
        name = self._sink.write(frame, picture) if self._sink and picture is not None else None
        self.document.add(frame, poses, name, self._meshes.write(frame, poses) if self._meshes else ())
        self.people.append(len(poses))
        self.widths.add(frame.image.shape[1])
        return picture

    @property
    def remarks(self) -> list[str]:
        """What the user should know of the files, and why pictures lack something."""
        of_the_files = list(self._sink.remarks) if self._sink else []
        if not self._not_laid_over:
            return of_the_files
        first, more = self._not_laid_over[0], len(set(self._not_laid_over)) - 1
        where = "" if self._moving else f", in {first}" + (f" and {more} more" if more else "")
        return [
            *of_the_files,
            "meshes not drawn, since no camera in front of the person fits the 3D joints: "
            f"{len(self._not_laid_over)}{where}",
        ]

    def finish(self) -> None:
        """Bring ids and files to their end."""
        if self._tracker is not None:
            self.document.name(self._tracker.finish())
        if self._sink is not None:
            self._sink.finish()

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()

    def _painted(self, frame: Frame, poses: Poses) -> Array:
        assert self._painter is not None
        before = self._painter.not_laid_over
        picture = self._painter(frame.image, poses)
        self._not_laid_over += [frame.name] * (self._painter.not_laid_over - before)
        return picture
