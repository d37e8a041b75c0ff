"""Run TorchScript files with torch's interpreter."""

from __future__ import annotations

import importlib
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from posedeploy.errors import ArtifactError, first_line
from posedeploy.runtimes import tf32
from posedeploy.runtimes.pytorch import configure
from posedeploy.runtimes.run_options import check_precision
from posedeploy.runtimes.torch_runner import TorchRunner
from posedeploy.runtimes.torchscript_layers import count_layers
from posedeploy.types import Artifact, RunOptions
from posedeploy.zip_files import chunks_of, zip_errors

UNKNOWN_OPERATOR = re.compile(r"Unknown builtin op: (?P<package>\w+)::\w+")
"""torch's message about an operator that no imported package has registered."""


class TorchScriptRunner(TorchRunner):
    """A runner of a ``.torchscript`` file. The manifest has the tensor names, since the format has none."""

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        _check_program(artifact.path)
        device, self.runtime_info = configure("torchscript", options, check_precision(artifact, options))
        program = _load(artifact.path, device)
        if not artifact.spec.inputs:
            raise ArtifactError(
                f"{artifact.path}: TorchScript has no tensor names, and the file has no manifest; describe "
                "the inputs and outputs with `contract`"
            )
        if device.type == "cuda":
            tf32.write_into(program)
        self.inputs, self.outputs = artifact.spec.inputs, artifact.spec.outputs
        self._report_layers(count_layers(program))
        self._open(program, device, options, artifact.path)


def _load(path: Path, device: torch.device) -> Any:
    """Return the program in a file.

    Raises:
        ArtifactError: the file is damaged, or uses operators of a package that is missing.
    """
    try:
        return _read(path, device)
    except (RuntimeError, ValueError) as error:
        operator = UNKNOWN_OPERATOR.search(str(error))
        if operator is None:
            raise _damage_error(path, error) from error
        if operator["package"] == "torchvision":
            _import_torchvision(path)
            try:
                return _read(path, device)
            except RuntimeError as second:
                error = second
        raise ArtifactError(
            f"{path}: the installed torch has no operator {operator[0].rpartition(' ')[2]}; import the "
            "package that registers it before posedeploy opens the file, or export the network without it"
        ) from error


def _read(path: Path, device: torch.device) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]


def _import_torchvision(path: Path) -> None:
    """Register the operators of torchvision."""
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        raise ArtifactError(
            f"{path}: the file uses operators of torchvision, which cannot be imported "
            f"({first_line(error)}); install the torchvision that was built for torch {torch.__version__}"
        ) from error


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
