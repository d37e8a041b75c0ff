"""Run the doctor's checks in a child process, and go on with the next where one ends it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from posedeploy.backends import RUNTIMES, TARGETS
from posedeploy.commands.doctor_checks import CheckResult, FindingKind
from posedeploy.environments.specs import ENVIRONMENTS
from posedeploy.isolation.messages import describe_failure
from posedeploy.isolation.tasks import ChildFailedError, run_task
from posedeploy.tensorrt.libraries import LIBRARIES

Check: TypeAlias = tuple[FindingKind, str]
"""What is checked, and the name of its row."""
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
"""Where the child writes what each check gave, a line for each as it ends."""
TIME_LIMIT_S = 900.0
"""For one child: most targets take seconds, compiled code and engines a minute or two."""


class Result(msgspec.Struct, frozen=True):
    """What one check gave: its rows, and the artifacts that it made, which the runtimes are tried on."""

    findings: list[CheckResult]
    artifacts: list[dict[str, Any]]


def run_checks(
    checks: Sequence[Check], folder: Path, time_limit_s: float = TIME_LIMIT_S
) -> list[CheckResult]:
    """Return what every check found. One that ends its process is ``broken``.

    Args:
        folder: where targets are exported to.
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
            detail = f"the process that tried it {describe_failure(failure)}"
            results.append(Result([CheckResult(kind, name, "broken", detail)], []))
    return [finding for result in results for finding in result.findings]


def _read(work: Path) -> list[Result]:
    """The results that are whole: the child may have ended while it wrote the last one."""
    path = work / RESULTS
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    return [msgspec.json.decode(line, type=Result) for line in lines]
