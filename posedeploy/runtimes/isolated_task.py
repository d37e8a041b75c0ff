"""The task of the child process of ``isolated.py``: load a model file, describe it and unload it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from posedeploy.runtimes.isolated import RunnerReport, decode_artifact
from posedeploy.runtimes.load_runner import open_runner, runner_of
from posedeploy.types import RunOptions


def describe(argument: Mapping[str, Any], enter: Callable[[str], None]) -> Any:
    """Return a ``RunnerReport``, as JSON, of an artifact on a runtime.

    Raises:
        PoseDeployError: as of ``open_runner``.
    """
    if argument["folder"] is not None:  # so that messages have the path as the user wrote it
        os.chdir(argument["folder"])
    artifact = decode_artifact(argument["artifact"])
    runner_of(artifact, argument["runtime"])  # imports the runtime, without a memory limit
    enter("load")
    options = msgspec.convert(argument["options"], RunOptions)
    with open_runner(artifact, options, argument["runtime"]) as runner:
        enter("read")
        report = msgspec.to_builtins(RunnerReport(runner.inputs, runner.outputs, runner.runtime_info))
        enter("close")
    return report
