"""Whether an AOTInductor package just compiled can be loaded and run, and gives what PyTorch gives."""

from __future__ import annotations

from pathlib import Path

import torch

from posedeploy import files
from posedeploy.aoti_package.admission import torch_name
from posedeploy.aoti_package.build import Build
from posedeploy.aoti_package.compilers import Compiler
from posedeploy.aoti_package.diagnosis import explain
from posedeploy.aoti_package.trial import TIME_LIMIT_S, TrialFailedError, try_package
from posedeploy.aoti_package.verdicts import keep_pass
from posedeploy.convert.agreement import fault, sizes
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError

TOLERANCES = {"cpu": 1e-3, "cuda": 1e-2}
"""How far, of an output's largest value, a package for this device may be from PyTorch on the CPU: whether it
is the same network at all. Parity measures the rest."""
REDUCED_TOLERANCES = {"fp16": 0.1, "bf16": 0.3}
"""The same of a package in a reduced precision, on random inputs, on which rounding errors grow the most."""


def check_package(
    path: Path,
    prepared: Prepared,
    device: str,
    compiler: Compiler | None,
    time_limit_s: float = TIME_LIMIT_S,
) -> Build:
    """Run a package in a child process, and where axes are free at a second size, against PyTorch.

    A pass is kept, so that this machine does not try the package again when it opens it. Where it cannot be
    kept, the export succeeds without a message, and opening the package tries it again and reports why.

    Args:
        device: ``cpu`` or ``cuda``. compiler: what compiled it; None where torch chose one.

    Returns:
        How it was built, for the manifest.

    Raises:
        ExportError: it crashes, hangs or fails there, or computes something else.
        OutputError: no temporary folder can be written.
    """
    runs = [inputs for inputs, _ in sizes(prepared)]
    shapes = tuple(tuple(array.shape) for array in runs[0])
    library = compiler.library if compiler is not None else None
    build = Build(shapes, str(compiler or ""), library.versions if library else {})
    try:
        name, graph = torch_name(torch.device(device)), device == "cuda"
        results = try_package(path, name, runs, time_limit_s, graph=graph)
    except TrialFailedError as failure:
        why = explain(failure, path, build, library.path if library else None)
        raise ExportError(f"the package that AOTInductor compiled {why}") from failure
    for inputs, outputs in zip(runs, results, strict=True):
        tolerance = REDUCED_TOLERANCES.get(prepared.options.precision, TOLERANCES[device])
        wrong = fault(outputs, prepared, inputs, tolerance)
        if wrong:
            raise ExportError(
                f"the package that AOTInductor compiled {wrong}, so it compiled an operator wrongly; choose "
                "another target"
            )
    keep_pass(files.sha256(path), device, graph)
    return build
