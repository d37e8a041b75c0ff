"""The model files of a search, and the command that exports each."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import cast

from posedeploy import manifest
from posedeploy.api.exporting import export_again
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.tuning_options import TuneOptions
from posedeploy.backends import RUNTIMES, bytes_of, target_named
from posedeploy.convert.export import default_stem
from posedeploy.convert.export_options import (
    CALIBRATION_IMAGES,
    QUANTIZED,
    AotiOptions,
    ExportOptions,
    ExportPrecision,
)
from posedeploy.convert.prepare import Graphs
from posedeploy.errors import (
    ArtifactError,
    ExportError,
    ManifestError,
    PoseDeployError,
    first_line,
)
from posedeploy.printable import printable
from posedeploy.runtimes.load_runner import open_artifact
from posedeploy.tuning.configurations import ModelFile
from posedeploy.tuning.failures import is_temporary
from posedeploy.tuning.state import FileRecord, State
from posedeploy.types import Artifact, Model, OnProgress

logger = logging.getLogger(__name__)
CANDIDATES = "tune-candidates"
"""The folder of the model files, in the folder of the search."""


class ModelFiles:
    """Exports the model files of a search, or finds those of an interrupted one.

    ``save`` writes the state after each export.
    """

    def __init__(
        self,
        model: Model,
        options: TuneOptions,
        folder: Path,
        state: State,
        save: Callable[[], None],
        on_progress: OnProgress,
    ) -> None:
        self._model, self._options, self._state, self._save = model, options, state, save
        self._folder = folder / CANDIDATES
        self._on_progress = on_progress
        self._has_warned = False  # of the calibration set
        self._graphs: Graphs = {}  # of one shape, since each has all weights
        self._shape: tuple[object, ...] = ()
        self._longest_s = 0.0

    def name_of(self, file: ModelFile) -> str:
        """Return the name of a model file in the state."""
        return printable(self.path_of(file).name)

    def path_of(self, file: ModelFile) -> Path:
        """Return the path of a model file, which may not exist yet."""
        return self._folder / (self._stem_of(file) + target_named(file.target).suffix)

    def _stem_of(self, file: ModelFile) -> str:
        return default_stem(self._model.source, self._export_options(file), file.target) + file.suffix

    def has_failed(self, file: ModelFile) -> bool:
        """Return whether it is known that a file cannot be exported."""
        record = self._state.model_files.get(self.name_of(file))
        return record is not None and bool(record.reason)

    def is_finished(self, file: ModelFile) -> bool:
        """Return whether a file needs no export: it exists, or it cannot be exported."""
        return self.has_failed(file) or self.path_of(file).is_file()

    @property
    def longest_export_s(self) -> float:
        """The time of the longest export of this call; 0 before the first one."""
        return self._longest_s

    def remove(self, file: ModelFile) -> None:
        """Delete a model file, which is exported again if it is needed."""
        with suppress(PoseDeployError):  # it was changed or deleted since
            artifact = open_artifact(self.path_of(file))
            for path in list_files(artifact):
                path.unlink(missing_ok=True)

    def open(self, file: ModelFile) -> Artifact:
        """Return the artifact, exported if necessary.

        Raises:
            PoseDeployError: it cannot be exported.
        """
        name, path = self.name_of(file), self.path_of(file)
        record = self._state.model_files.get(name)
        if record is not None and record.reason:
            raise ArtifactError(record.reason)
        if record is not None and path.is_file():
            try:
                return open_artifact(path)
            except (ArtifactError, ManifestError):  # changed since
                pass
        start = monotonic()
        try:
            artifact = self._export(file)
        except PoseDeployError as error:
            if not is_temporary(error):
                self._keep(name, FileRecord(reason=str(error)))
            raise
        finally:
            self._longest_s = max(self._longest_s, monotonic() - start)
        self._keep(name, FileRecord(name, seconds=monotonic() - start, size=bytes_of(artifact)))
        return artifact

    def _keep(self, name: str, record: FileRecord) -> None:
        self._state.model_files[name] = record
        self._save()

    def _export(self, file: ModelFile) -> Artifact:
        options = self._export_options(file)
        stem = self._stem_of(file)
        shape = file.input_size, file.batch
        if shape != self._shape:
            self._graphs.clear()
            self._shape = shape
        self._on_progress(f"exporting {stem} to {file.target}", None)
        is_quantized = file.precision in QUANTIZED
        level = logging.ERROR if is_quantized and self._has_warned else logging.WARNING
        with _logging_from(level):
            try:
                (artifact,) = export_again(
                    self._model, file.target, self._folder, stem, options, self._on_progress, self._graphs
                )
            except PoseDeployError:
                raise
            except Exception as error:  # a bug of a converter, which must not end a long search
                logger.error(f"the export of {stem} to {file.target} failed unexpectedly", exc_info=error)
                kind = type(error).__name__
                raise ExportError(f"unexpected {kind}: {first_line(error)}; report this bug") from error
        self._has_warned |= is_quantized
        return artifact

    def _export_options(self, file: ModelFile) -> ExportOptions:
        options = self._options
        is_quantized = file.precision in QUANTIZED
        compiled_for = options.device if options.device in RUNTIMES["pytorch"].devices else "cpu"
        return ExportOptions(
            file.input_size,
            file.batch,
            precision=cast(ExportPrecision, file.precision),
            calibration=options.calibration if is_quantized else (),
            calibration_images=options.calibration_images,
            aoti=AotiOptions(compiled_for),
        )

    def export_command(self, file: ModelFile, args: ModelArgs, folder: Path) -> str:
        """Return the command line that exports this file to ``folder``."""
        options = self._export_options(file)
        source = [str(self._model.source)] if self._model.source is not None else []
        words = ["posedeploy", "export", *source, "--to", file.target]
        flags = {
            "precision": file.precision if file.precision != "fp32" else None,
            "input-size": "{}x{}".format(*file.input_size) if file.input_size else None,
            "batch": file.batch if file.batch > 1 else None,
            "device": options.aoti.device if file.target == "aoti" and options.aoti.device != "cpu" else None,
            "calibration-images": options.calibration_images
            if file.precision in QUANTIZED and options.calibration_images != CALIBRATION_IMAGES
            else None,
            "name": self._stem_of(file) if file.suffix else None,
            **{name: getattr(args, name) for name in ("family", "network", "mesh", "contract", "weights")},
            "stages": args.stages,
        }
        for flag, value in flags.items():
            words += [] if value is None else [f"--{flag}", str(value)]
        for each in options.calibration:
            words += ["--calibration", each]
        return shlex.join([*words, "-o", str(folder)])


def list_files(artifact: Artifact) -> list[Path]:
    """Return the paths of an artifact's model files, sidecar files and manifest."""
    names = {artifact.path.name, *artifact.files, *artifact.sidecars, manifest.path_of(artifact.path).name}
    return [path for name in sorted(names) if (path := artifact.path.with_name(name)).exists()]


@contextmanager
def _logging_from(level: int) -> Iterator[None]:
    """Log only messages of this level and above: those of the first export hold for the others."""
    logger = logging.getLogger("posedeploy")
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
