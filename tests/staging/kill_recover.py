"""Kill an export with `recover` in each of its phases, while it replaces an older artifact.

``python -m tests.staging.kill_recover FOLDER IMAGES PHASE...`` imports everything, forks for each phase and
prints, as JSON, the exit status, the files that the kill left and those after the next write.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path

import torch

from posedeploy.api.exporting import export
from posedeploy.convert import openvino  # noqa: F401 - imported before the forks
from posedeploy.convert.export_options import ExportOptions
from posedeploy.convert.recovery import recover  # noqa: F401
from posedeploy.files import write_text
from tests.staging.counted_calls import run_forked
from tests.support.networks import tiny_model


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _export_and_kill(folder: Path, images: str, phase: str) -> None:
    def kill(current: str, fraction: float | None) -> None:
        if current.startswith(phase):
            os.kill(os.getpid(), signal.SIGKILL)

    options = ExportOptions(precision="int8", calibration=(images,), recover=5.0, recover_steps=2)
    export(tiny_model(), "openvino", folder, "a", options, kill)


def main(folder: Path, images: str, *phases: str) -> None:
    """Print what each kill leaves."""
    torch.set_num_threads(1)
    results = {}
    for phase in phases:
        status = run_forked(partial(_export_and_kill, folder, images, phase), folder.parent / "errors")
        after_kill = _names(folder)
        write_text(folder / "next.txt", "")
        (folder / "next.txt").unlink()
        results[phase] = {"status": status, "after_kill": after_kill, "after_write": _names(folder)}
    json.dump(results, sys.__stdout__ or sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
