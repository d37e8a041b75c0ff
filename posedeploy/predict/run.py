"""Prediction on a whole source: the network on every frame, pictures or a video, and ``poses.json``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from posedeploy import artifact_files, files, plugins
from posedeploy.errors import InputError, MissingPackageError
from posedeploy.native_paths import native_path
from posedeploy.predict import poses_json
from posedeploy.predict.camera import camera_warnings
from posedeploy.predict.frame_output import FrameOutput, open_frame_output
from posedeploy.predict.frames import Source
from posedeploy.predict.pose_predictor import PosePredictor, choose_predictor
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.predict.source_record import describe_source, list_mesh_remarks
from posedeploy.printable import printable
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Artifact

if TYPE_CHECKING:
    from posedeploy.predict.window import Window

PENDING = 4
"""Maximum number of frames that wait to be drawn and encoded."""
OnFrame: TypeAlias = Callable[[int, int | None], None]
"""Called with the number of frames processed and expected; None if the second is unknown."""


@dataclass(frozen=True)
class Prediction:
    """The result of a run.

    files: all files written. people: the number of people in each frame. skipped: the number of files that
    are not images. problems: messages on what could not be processed; the command line exits with status 1 if
    there are any. remarks: messages on how files were processed, the warnings first.
    """

    files: tuple[Path, ...]
    people: tuple[int, ...]
    skipped: int
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """The number of frames processed."""
        return len(self.people)


def predict(
    source: Source,
    runner: Runner,
    artifact: Artifact,
    folder: Path,
    options: PredictOptions | None = None,
    on_progress: OnFrame | None = None,
    predictor: PosePredictor | None = None,
) -> Prediction:
    """Estimate the poses in every frame and write them into ``folder``. On an error, nothing is written.

    If the source ends early, the window is closed or Ctrl-C is pressed, the files hold the frames so far.
    Unusable images of a folder are left out. ``problems`` reports all of these except a closed window.

    Args:
        artifact: the model file that ``runner`` runs; its spec describes the inputs and the decoding.
        predictor: detects the people instead of the network that ``runner`` runs.

    Raises:
        InputError: no frame can be used, the network's family is unknown, or ``show`` finds no display.
        OutputError: the folder cannot be written; its previous content is unchanged.
        KeyboardInterrupt: Ctrl-C was pressed before the first frame was processed.
    """
    pipeline = PredictionPipeline(source, runner, artifact, options or PredictOptions(), predictor)
    return pipeline.run(folder, on_progress or (lambda done, total: None))


class PredictionPipeline:
    """The stages of a prediction, in the order in which a frame passes them.

    ``source`` yields the frames. ``predictor`` detects the people, runs the network and decodes the poses (or
    lifts 2D joints), in the calling thread. ``FrameOutput`` tracks, smooths, draws, encodes and records, in
    another thread, in the order of the frames.
    """

    def __init__(
        self,
        source: Source,
        runner: Runner,
        artifact: Artifact,
        options: PredictOptions,
        predictor: PosePredictor | None = None,
    ) -> None:
        self._source = source
        self._artifact = artifact
        self._options = options
        self._origin = options.joint_source or options.person_source
        self._predictor = predictor or choose_predictor(runner, artifact, options)
        self._producer = poses_json.describe_producer(
            artifact, runner.runtime_info, artifact_files.hashes_of(artifact)
        )

    def run(self, folder: Path, on_progress: OnFrame) -> Prediction:
        """Process all frames and write the results. Errors are those of ``predict``."""
        source = self._source
        with (
            _window(source, self._options) as window,
            files.staged(folder) as stage,
            native_path(stage) as writable,
            closing(
                open_frame_output(
                    source,
                    self._artifact,
                    self._predictor.sigmas,
                    replace(self._options, show=window is not None),
                    writable,
                    folder,
                )
            ) as output,
        ):
            self._process(output, window, on_progress)
            if not output.people:
                reasons = "; ".join(source.problems) or "it is empty"
                raise InputError(f"{source.name}: no frame can be used: {reasons}")
            output.finish()
            warnings = camera_warnings(self._options.camera, output.widths)
            remarks = [printable(remark) for remark in (*warnings, *self._remarks(output))]
            record = describe_source(
                source, self._artifact, self._options, len(output.people), is_tracked=output.is_tracking
            )
            content = output.document.encode(self._producer, record, source.problems, remarks)
            (stage / poses_json.NAME).write_bytes(content)
            names = sorted(path.name for path in stage.iterdir())
        return Prediction(
            tuple(folder / name for name in names),
            tuple(output.people),
            len(source.skipped),
            tuple(source.problems),
            tuple(remarks),
            tuple(warnings),
        )

    def _process(self, output: FrameOutput, window: Window | None, on_progress: OnFrame) -> None:
        """Pass all frames through the stages, until the window is closed or Ctrl-C is pressed."""
        source, done = self._source, count(1)
        hold = not source.is_video
        rejected = source.problems if hold and source.total != 1 else None
        pending: deque[Future[Array | None]] = deque()

        def finish_one() -> bool:
            picture = pending.popleft().result()
            on_progress(next(done), source.total)
            return window is None or picture is None or window.show(picture, hold)

        with ThreadPoolExecutor(1) as executor, closing(self._predictor.stream(source, rejected)) as results:
            try:
                for frame, poses in results:
                    pending.append(executor.submit(output, frame, poses))
                    if len(pending) > PENDING and not finish_one():
                        break
                else:
                    while pending and finish_one():
                        pass
            except KeyboardInterrupt:
                if not (output.people or pending):
                    raise
                source.problems += _interruption(source)
            for future in pending:
                future.result()

    def _remarks(self, output: FrameOutput) -> list[str]:
        return [
            *self._source.remarks,
            *(self._origin.remarks if self._origin else ()),
            *list_mesh_remarks(self._source, self._artifact, self._options),
            *output.remarks,
            *self._predictor.remarks,
        ]


def _interruption(source: Source) -> list[str]:
    if source.kind in ("camera", "stream"):  # Ctrl-C is their normal end
        return []
    return [f"{source.name}: stopped by Ctrl-C; the frames so far are kept"]


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
