"""Run a newly compiled AOTInductor package in a child process, and compare it with PyTorch."""

from __future__ import annotations

from pathlib import Path

import torch

from posedeploy import files
from posedeploy.aoti_package.admission import torch_name
from posedeploy.aoti_package.build import PackageBuild
from posedeploy.aoti_package.compilers import Compiler
from posedeploy.aoti_package.diagnosis import explain
from posedeploy.aoti_package.trial import TIME_LIMIT_S, TrialFailedError, try_package
from posedeploy.aoti_package.trial_cache import record_pass
from posedeploy.convert.agreement import find_mismatch, generate_runs
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError

TOLERANCES = {"cpu": 1e-3, "cuda": 1e-2}
"""Tolerance by device, as a fraction of an output's largest value, to PyTorch on the CPU. It only detects
wrong compilation; ``parity`` measures accuracy."""
REDUCED_TOLERANCES = {"fp16": 0.1, "bf16": 0.3}
"""Tolerance by reduced precision, on random inputs, where rounding errors grow the most."""


def check_package(
    path: Path,
    prepared: Prepared,
    device: str,
    compiler: Compiler | None,
    time_limit_s: float = TIME_LIMIT_S,
) -> PackageBuild:
    """Run a package in a child process (twice if axes are dynamic, at two sizes) and compare it with PyTorch.

    A pass is cached, so that this machine opens the package without another trial. If it cannot be cached,
    the export still succeeds; opening the package tries it again and reports why.

    Args:
        device: ``cpu`` or ``cuda``. compiler: the compiler of the package; None if torch chose it.

    Returns:
        The build information for the manifest.

    Raises:
        ExportError: it crashes, hangs or fails, or its outputs differ.
        OutputError: no temporary folder can be written.
    """
    runs = [inputs for inputs, _ in generate_runs(prepared)]
    shapes = tuple(tuple(array.shape) for array in runs[0])
    library = compiler.library if compiler is not None else None
    build = PackageBuild(shapes, str(compiler or ""), library.versions if library else {})
    try:
        name, graph = torch_name(torch.device(device)), device == "cuda"
        results = try_package(path, name, runs, time_limit_s, graph=graph)
    except TrialFailedError as failure:
        cause = explain(failure, path, build, library.path if library else None)
        raise ExportError(f"the package that AOTInductor compiled {cause}") from failure
    for inputs, outputs in zip(runs, results, strict=True):
        tolerance = REDUCED_TOLERANCES.get(prepared.options.precision, TOLERANCES[device])
        mismatch = find_mismatch(outputs, prepared, inputs, tolerance)
        if mismatch:
            raise ExportError(
                f"the package that AOTInductor compiled {mismatch}, so an operator was compiled wrongly; "
                "choose another target"
            )
    record_pass(files.sha256(path), device, graph)
    return build
