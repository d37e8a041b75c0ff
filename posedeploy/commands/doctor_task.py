"""The task of the child process of ``doctor_run.py``: the checks, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from posedeploy import plugins
from posedeploy.backends import RUNTIMES, TARGETS
from posedeploy.commands.doctor_checks import CheckKind, CheckResult, try_runtime, try_target
from posedeploy.commands.doctor_components import (
    check_cuda,
    check_environment,
    check_evaluation,
    check_library,
    check_video,
    check_window,
)
from posedeploy.commands.doctor_packages import list_missing
from posedeploy.commands.doctor_run import RESULTS, Result
from posedeploy.environments.environment_specs import ENVIRONMENTS
from posedeploy.runtimes.isolated import decode_artifact
from posedeploy.tensorrt.libraries import LIBRARIES
from posedeploy.types import Artifact, Model


@dataclass(frozen=True)
class _Checks:
    """The checks. folder: for exports. artifacts: those exported so far."""

    folder: Path
    artifacts: list[Artifact]

    def target(self, name: str) -> list[CheckResult]:
        rows, artifacts = try_target(TARGETS[name], _model(), self.folder)
        self.artifacts.extend(artifacts)
        return rows

    def runtime(self, name: str) -> list[CheckResult]:
        return [try_runtime(RUNTIMES[name], _model(), self.artifacts)]

    def run(self, kind: CheckKind, name: str) -> list[CheckResult]:
        table: Mapping[CheckKind, Callable[[], list[CheckResult]]] = {
            "target": lambda: self.target(name),
            "runtime": lambda: self.runtime(name),
            "library": lambda: [check_library(LIBRARIES[name])],
            "environment": lambda: [check_environment(ENVIRONMENTS[name], self.folder)],
            "device": lambda: [check_cuda()],
            "scoring": lambda: [check_evaluation()],
            "window": lambda: [check_window()],
            "video": lambda: [check_video()],
        }
        return table[kind]()


def run(argument: Mapping[str, Any], enter: Callable[[str], None]) -> None:
    """Run the checks of ``argument``, and write the result after each."""
    checks = _Checks(Path(argument["folder"]), [decode_artifact(each) for each in argument["artifacts"]])
    with Path(RESULTS).open("ab") as results:
        for kind, name in argument["checks"]:
            enter(f"{kind} {name}")
            before = len(checks.artifacts)
            rows = checks.run(kind, name)
            artifacts = [msgspec.to_builtins(each, enc_hook=str) for each in checks.artifacts[before:]]
            results.write(msgspec.json.encode(Result(rows, artifacts)) + b"\n")
            results.flush()


@cache
def _model() -> Model | None:
    return None if list_missing("torch") else plugins.load("posedeploy.checkpoints.probe_network:probe")()
