"""Poses of everything in a source: pictures or a video that show them, and ``poses.json``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from posedeploy import artifact_files, files, plugins
from posedeploy.errors import InputError, MissingPackageError
from posedeploy.families import mesh_output
from posedeploy.native_paths import native_path
from posedeploy.predict import poses_json
from posedeploy.predict.boxes import takes_boxes
from posedeploy.predict.camera import camera_doubts
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frame_output import Finisher
from posedeploy.predict.frames import Source
from posedeploy.predict.lifting import Lifter
from posedeploy.predict.mesh_files import MeshFiles
from posedeploy.predict.opencv_video import WITHOUT_PYAV
from posedeploy.predict.opencv_writer import OpenCvWriter
from posedeploy.predict.pictures import Names, PictureFiles, Sink
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.predict.threshold import Threshold
from posedeploy.printable import printable
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Artifact

if TYPE_CHECKING:
    from posedeploy.predict.window import Window

WHOLE_IMAGE = "the whole image"
PENDING = 4
"""Frames that may wait to be drawn and encoded while the network is ahead."""


@dataclass(frozen=True)
class Prediction:
    """What came of it.

    people: their number, frame by frame. problems: sentences for the user; any of them means that not
    everything was done (exit status 1). remarks: sentences of what is as it should be, and still worth
    knowing; the first of them are the warnings.
    """

    files: tuple[Path, ...]
    people: tuple[int, ...]
    skipped: int
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """How many frames were done."""
        return len(self.people)


def predict(
    source: Source,
    runner: Runner,
    artifact: Artifact,
    folder: Path,
    options: PredictOptions | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> Prediction:
    """Find the people in every frame and write what was found into ``folder``: on an error, nothing of it.

    Where the source ends early, the user closes the window or presses Ctrl-C, the files hold the frames so
    far. Images of a folder that cannot be used are left out. All but the window is told in ``problems``.

    Args:
        artifact: what ``runner`` runs; its spec says how images go in and poses come out.
        on_progress: called with the frames done and the frames expected, None where no one knows.

    Raises:
        InputError: no frame can be used, the network's family is unknown, or there is no display to show on.
        OutputError: the folder cannot be written; what stood there before is as it was.
        KeyboardInterrupt: Ctrl-C came before anything was done.
    """
    options = options or PredictOptions()
    finder, people = options.finder, options.people
    predictor = _predictor(runner, artifact, options)
    made = poses_json.made_by(artifact, runner.runtime_info, artifact_files.hashes_of(artifact))
    with (
        _window(source, options) as window,
        files.staged(folder) as stage,
        native_path(stage) as writable,
        closing(
            Finisher(
                predictor,
                artifact,
                replace(options, show=window is not None),
                moving=source.moving,
                sink=_sink(source, writable, folder) if options.draw else None,
                meshes=_mesh_files(source, writable, folder, options),
            )
        ) as finisher,
    ):
        _run(source, predictor, finisher, window, on_progress or (lambda done, total: None))
        if not finisher.people:
            reasons = "; ".join(source.problems) or "it is empty"
            raise InputError(f"{source.name}: none of it can be used: {reasons}")
        finisher.finish()
        record = poses_json.SourceRecord(
            name=source.name,
            kind=source.kind,
            frames=len(finisher.people),
            expected_frames=source.total,
            skipped_files=len(source.skipped),
            skipped=source.skipped,
            fps=source.fps if source.moving else None,
            tracked=finisher.tracks,
            smoothed=finisher.tracks and options.smooth,
            boxes=printable(finder.name) if finder else WHOLE_IMAGE if takes_boxes(artifact.spec) else None,
            joints=printable(people.name) if people else None,
            detector=finder.made_by if finder else people.made_by if people else None,
            min_keypoints=options.threshold.min_keypoints,
            min_score=options.threshold.min_score,
        )
        warnings = camera_doubts(options.camera, finisher.widths)
        remarks = [
            *warnings,
            *source.remarks,
            *(people.remarks if people else finder.remarks if finder else ()),
            *_of_the_mesh(source, artifact, options),
            *finisher.remarks,
            *predictor.remarks,
        ]
        remarks = [printable(remark) for remark in remarks]
        content = finisher.document.encoded(made, record, source.problems, remarks)
        (stage / poses_json.NAME).write_bytes(content)
        names = sorted(path.name for path in stage.iterdir())
    return Prediction(
        tuple(folder / name for name in names),
        tuple(finisher.people),
        len(source.skipped),
        tuple(source.problems),
        tuple(remarks),
        tuple(warnings),
    )


def _predictor(runner: Runner, artifact: Artifact, options: PredictOptions) -> Predictor | Lifter:
    if options.people is not None:
        return Lifter(runner, artifact.spec, options.people.find)
    finder = options.finder
    find = finder.find if finder else None
    has_detector = finder is not None and finder.made_by is not None  # which keeps people by it already
    threshold = Threshold() if has_detector else options.threshold
    return Predictor(runner, artifact.spec, options.camera, find, threshold)


def _run(
    source: Source,
    predictor: Predictor | Lifter,
    finisher: Finisher,
    window: Window | None,
    on_progress: Callable[[int, int | None], None],
) -> None:
    """Network and decoding here, the rest of each frame's work in a thread beside it, in order."""
    hold = not source.moving
    refused = source.problems if hold and source.total != 1 else None
    pending: deque[Future[Array | None]] = deque()
    done = count(1)

    def finish_one() -> bool:
        picture = pending.popleft().result()
        on_progress(next(done), source.total)
        return window is None or picture is None or window.show(picture, hold)

    with ThreadPoolExecutor(1) as beside, closing(predictor.stream(source, refused)) as results:
        try:
            for frame, poses in results:
                pending.append(beside.submit(finisher, frame, poses))
                if len(pending) > PENDING and not finish_one():
                    break
            while pending and finish_one():
                pass
        except KeyboardInterrupt:
            if not (finisher.people or pending):
                raise
            source.problems += _stopped(source)
        for future in pending:
            future.result()


def _stopped(source: Source) -> list[str]:
    if source.kind in ("camera", "stream"):  # there is no other end to it
        return []
    return [f"{source.name}: stopped by Ctrl-C; the frames done by then are kept"]


def _mesh_files(source: Source, stage: Path, folder: Path, options: PredictOptions) -> MeshFiles | None:
    if options.faces is None or source.moving:
        return None
    return MeshFiles(stage, Names(folder, source.inputs), options.faces, options.mesh_format)


def _of_the_mesh(source: Source, artifact: Artifact, options: PredictOptions) -> list[str]:
    """What the user may wonder at."""
    if mesh_output(artifact.spec) is None:
        return []
    if options.faces is None:
        return ["no mesh is drawn or written: the network has no triangles in it; name them with `mesh=FILE`"]
    if source.moving:
        return [f"{source.name}: meshes are not written, which is done for images alone"]
    return []


def _sink(source: Source, stage: Path, folder: Path) -> Sink:
    names = Names(folder, source.inputs)
    if not source.moving:
        return PictureFiles(stage, names)
    path = stage / names.free(source.file_name, ".mp4")
    try:
        writer: Callable[[Path, Source], Sink] = plugins.load("posedeploy.predict.video_writer:VideoWriter")
    except MissingPackageError:
        if WITHOUT_PYAV not in source.remarks:
            source.remarks.append(WITHOUT_PYAV)
        return OpenCvWriter(path, source)
    return writer(path, source)


def _window(source: Source, options: PredictOptions) -> Window | nullcontext[None]:
    if not options.show and (options.show is not None or source.kind != "camera"):
        return nullcontext()
    try:
        window: Window = plugins.load("posedeploy.predict.window:Window")(f"{source.name} - posedeploy")
    except (InputError, MissingPackageError):
        if options.show:
            raise
        return nullcontext()
    return window
