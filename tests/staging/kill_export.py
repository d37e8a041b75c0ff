"""Kill ``posedeploy export`` while it replaces an older artifact of a tiny network.

``python -m tests.staging.kill_export FOLDER RANDOM_KILLS`` imports everything, forks for each kill (before
each operation on files and at random moments) and prints the remaining artifacts as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from posedeploy import manifest
from posedeploy.cli import app
from posedeploy.errors import PoseDeployError
from posedeploy.files import write_text
from posedeploy.staging.recovery import PREFIX
from tests.staging.counted_calls import CHANGES, Count, run_forked

NETWORK = """
from torch import nn
from posedeploy.types import ModelSpec, TensorSpec

def build():
    spec = ModelSpec("own", "", (TensorSpec("data", (1, 3)),), (TensorSpec("out", (1, 2)),))
    return nn.Linear(3, 2), spec
"""
TARGET, NAME = "torchscript", "net.torchscript"


def export(folder: Path, weights: str, count: Count | None = None) -> None:
    """Run the command in this process and count its operations."""
    command = ["export", str(folder / weights), "--network", f"{folder / 'network.py'}:build"]
    command += ["--to", TARGET, "--name", "net", "-o", str(folder / "out")]
    if count is None:
        app(command)
        return
    with count.counting(CHANGES):
        app(command)


def describe_artifact(folder: Path) -> str:
    """Return the weights that the artifact in a folder was exported from, or the problem with it."""
    out = folder / "out"
    try:
        artifact = manifest.read(out / NAME)
        write_text(out / "next.txt", "")
    except PoseDeployError as error:
        return str(error)
    (out / "next.txt").unlink()
    names = {path.name for path in out.iterdir()}
    if names != {*artifact.files, manifest.path_of(artifact.path).name}:
        return f"the files {sorted(names)}"
    assert artifact.provenance is not None
    return Path(artifact.provenance.checkpoint or "").name


def _kill(name: str, arguments: tuple[object, ...]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _export_and_kill(folder: Path, delay_s: float) -> None:
    threading.Thread(target=lambda: (time.sleep(delay_s), _kill("", ())), daemon=True).start()
    export(folder, "new.pth")


def main(folder: Path, random_kills: int) -> None:
    """Print the artifact that each kill leaves."""
    torch.set_num_threads(1)
    folder.mkdir()
    (folder / "network.py").write_text(NETWORK)
    for weights in ("old.pth", "new.pth"):
        torch.save(torch.nn.Linear(3, 2).state_dict(), folder / weights)
    output = folder / "errors"

    def end(work: Callable[[], None]) -> dict[str, object]:
        status = run_forked(work, output)
        result = {"status": status, "artifact": describe_artifact(folder), "hidden": _hidden(folder)}
        if result["artifact"] != "old.pth":
            run_forked(partial(export, folder, "old.pth"), output)
        return result

    run_forked(partial(export, folder, "old.pth"), output)
    count = Count(0, _kill)
    started = time.monotonic()
    try:
        export(folder, "new.pth", count)
    except SystemExit:
        duration_s = time.monotonic() - started
    run_forked(partial(export, folder, "old.pth"), output)
    ends = [end(partial(export, folder, "new.pth", Count(at, _kill))) for at in range(1, count.done + 1)]
    rng = random.Random(0)
    moments = [rng.uniform(0, duration_s) for _ in range(random_kills)]
    ends_at_random = [end(partial(_export_and_kill, folder, moment)) for moment in moments]
    json.dump({"operations": count.names, "ends": ends, "random": ends_at_random}, sys.__stdout__)


def _hidden(folder: Path) -> list[str]:
    return [path.name for path in (folder / "out").iterdir() if path.name.startswith(PREFIX)]


if __name__ == "__main__":
    stdout, sys.stdout = sys.stdout, sys.stderr
    main(Path(sys.argv[1]), int(sys.argv[2]))
