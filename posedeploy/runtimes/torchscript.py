"""Run TorchScript files with torch's interpreter."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import torch

from posedeploy.errors import ArtifactError, first_line
from posedeploy.runtimes import tf32
from posedeploy.runtimes.pytorch import configure
from posedeploy.runtimes.run_options import check_precision
from posedeploy.runtimes.torch_runner import TorchRunner
from posedeploy.types import Artifact, RunOptions
from posedeploy.zip_files import chunks_of, zip_errors


class TorchScriptRunner(TorchRunner):
    """A runner of a ``.torchscript`` file. The manifest has the tensor names, since the format has none."""

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        _check_program(artifact.path)
        device, self.runtime_info = configure("torchscript", options, check_precision(artifact, options))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                program = torch.jit.load(str(artifact.path), map_location=device)  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError) as error:
            raise _damage_error(artifact.path, error) from error
        if not artifact.spec.inputs:
            raise ArtifactError(
                f"{artifact.path}: TorchScript has no tensor names, and the file has no manifest; describe "
                "the inputs and outputs with `contract`"
            )
        if device.type == "cuda":
            tf32.write_into(program)
        self.inputs, self.outputs = artifact.spec.inputs, artifact.spec.outputs
        self._open(program, device, options, artifact.path)


def _check_program(path: Path) -> None:
    """Check every member but the weights, since torch does not report a damaged member."""
    try:
        with zip_errors(), zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not {"data", "constants"}.intersection(info.filename.split("/")[:-1]):
                    for _ in chunks_of(archive, info):
                        pass
    except (zipfile.BadZipFile, OSError) as error:
        raise _damage_error(path, error) from error


def _damage_error(path: Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"{path}: not a TorchScript file, or damaged ({first_line(error)}); export it again")
