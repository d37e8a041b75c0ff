"""Run the checks in a child process, so that a crash ends only one check."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from posedeploy.backends import RUNTIMES, TARGETS
from posedeploy.commands.doctor_checks import CheckKind, CheckResult
from posedeploy.environments.environment_specs import ENVIRONMENTS
from posedeploy.isolation.messages import describe_failure
from posedeploy.isolation.tasks import ChildFailedError, run_task
from posedeploy.tensorrt.libraries import LIBRARIES

Check: TypeAlias = tuple[CheckKind, str]
"""The kind and the name of a component."""
CHECKS: tuple[Check, ...] = (
    *(("target", name) for name in TARGETS),
    *(("runtime", name) for name in RUNTIMES),
    *(("library", name) for name in LIBRARIES),
    *(("environment", name) for name in ENVIRONMENTS),
    ("device", "cuda"),
    ("scoring", "pycocotools"),
    ("window", "pygame"),
    ("video", "PyAV"),
)
RESULTS = "results.jsonl"
"""The file of the child's results, one line per check."""
TIME_LIMIT_S = 900.0
"""Time limit of one child: most targets take seconds, compiled code and engines one to two minutes."""


class Result(msgspec.Struct, frozen=True):
    """The rows of one check, and its artifacts, on which the runtimes are tested."""

    rows: list[CheckResult]
    artifacts: list[dict[str, Any]]


def run_checks(
    checks: Sequence[Check], folder: Path, time_limit_s: float = TIME_LIMIT_S
) -> list[CheckResult]:
    """Run the checks; one that ends its process is ``broken``.

    Args:
        folder: the folder for exports.
    """
    results: list[Result] = []
    while len(results) < len(checks):
        with tempfile.TemporaryDirectory(prefix="child-", dir=folder) as work:
            argument = {
                "checks": checks[len(results) :],
                "folder": str(folder),
                "artifacts": [artifact for result in results for artifact in result.artifacts],
            }
            try:
                task = "posedeploy.commands.doctor_task:run"
                run_task(task, argument, Path(work), time_limit_s=time_limit_s)
                failure = None
            except ChildFailedError as error:
                failure = error
            results += _read(Path(work))
        if failure is not None and len(results) < len(checks):
            kind, name = checks[len(results)]
            detail = f"its process {describe_failure(failure)}"
            results.append(Result([CheckResult(kind, name, "broken", detail)], []))
    return [row for result in results for row in result.rows]


def _read(work: Path) -> list[Result]:
    """Return the complete results; the child may have ended while writing the last one."""
    path = work / RESULTS
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    return [msgspec.json.decode(line, type=Result) for line in lines]
