"""A search whose candidates multiply a number instead of running a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, cast

import numpy as np

from posedeploy.api.tuning_candidates import OpenCandidate
from posedeploy.api.tuning_context import SearchContext
from posedeploy.api.tuning_errors import PoseErrors
from posedeploy.api.tuning_search import Search
from posedeploy.benchmarks import timing
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.latency import LoadCost
from posedeploy.benchmarks.pose_comparison import ImagePairs
from posedeploy.errors import ArtifactError, PoseDeployError
from posedeploy.runtimes.base import Runner
from posedeploy.tuning.configurations import Configuration, ModelFile, Objective, SearchSpace
from posedeploy.tuning.deadline import Deadline
from posedeploy.tuning.state import BASELINE, CandidateRecord, FileRecord, State, to_record
from posedeploy.types import ModelSpec, RuntimeInfo, Tensors, TensorSpec

SPECS = (TensorSpec("x", (1,)),)
TENSORS = {"x": np.zeros(1, np.float32)}
INPUTS = 8
ERRORS_PX = {"fp32": 0.1, "fp16": 0.2, "bf16": 0.3}


class Doubling(Runner):
    """Doubles its input, as often as ``runs`` allows."""

    def __init__(self, runs: int | None = None) -> None:
        self.runtime_info = RuntimeInfo("onnxruntime", "1.0", "CPU", "fp32", 1, {})
        self.inputs = self.outputs = SPECS
        self._left = runs

    def _run(self, tensors: Tensors) -> Tensors:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise ArtifactError("a kernel failed")
        return {"x": 2 * tensors["x"]}


def timed(label: str, runner: Runner) -> timing.Candidate:
    return timing.Candidate(label, runner, TENSORS, 1, 1000, LoadCost(0.0, 0.0, 0))


class ExportedFiles:
    """Files that are exported at once, and the names of those that were removed."""

    longest_export_s = 0.0

    def __init__(self, state: State) -> None:
        self._state = state
        self.removed: list[str] = []
        self.opened: list[str] = []

    def name_of(self, file: ModelFile) -> str:
        return f"{file.precision}.onnx"

    def has_failed(self, file: ModelFile) -> bool:
        return False

    is_finished = has_failed

    def open(self, file: ModelFile) -> None:
        self._state.model_files[self.name_of(file)] = FileRecord(self.name_of(file), size=1000)
        self.opened.append(file.precision)

    def remove(self, file: ModelFile) -> None:
        self.removed.append(file.precision)

    def export_command(self, *_: object) -> str:
        return "posedeploy export"


class MadeUpErrors:
    """Errors of ``px`` on each input, by precision."""

    order = tuple(range(INPUTS))

    def __init__(self, px: Mapping[str, float]) -> None:
        self._px = px

    def measure(
        self, candidate: OpenCandidate, record: CandidateRecord, count: int, has_ended: Callable[[], bool]
    ) -> PoseDeployError | None:
        values = {"px": np.full(10, self._px[candidate.configuration.file.precision])}
        for number in self.order[:count]:
            record.pairs[str(number)] = to_record(ImagePairs(str(number), 1, 0, 0, 10, 0, 0, values))
        return None


class Opener:
    """Opens runners that allow a number of runs, by precision."""

    def __init__(
        self, state: State, files: ExportedFiles, runs: Mapping[str, int], spec: ModelSpec | None
    ) -> None:
        self._state, self._files, self._runs, self._spec = state, files, runs, spec

    def has_failed(self, configuration: Configuration) -> bool:
        return bool(self._state.candidates.get(configuration.label, CandidateRecord()).reason)

    def open(self, configuration: Configuration) -> OpenCandidate:
        record = self._state.candidates.setdefault(configuration.label, CandidateRecord())
        if record.reason:
            raise ArtifactError(record.reason)
        self._files.open(configuration.file)
        runner = Doubling(self._runs.get(configuration.file.precision))
        return OpenCandidate(
            configuration, timed(configuration.label, runner), cast(Any, self._spec), runner, runner.close
        )


def build_search(
    state: State,
    px: Mapping[str, float] = ERRORS_PX,
    runs: Mapping[str, int] | None = None,
    objective: Objective = "latency",
    deadline: Deadline | None = None,
    errors: PoseErrors | None = None,
    spec: ModelSpec | None = None,
) -> tuple[Search, ExportedFiles]:
    """Return a search over ``px``, the error of each precision, with a budget of 1 px, and its files.

    errors: instead of ``px``, with the spec of the candidates.
    """
    files = ExportedFiles(state)
    context = SearchContext(
        opener=cast(Any, Opener(state, files, runs or {}, spec)),
        files=cast(Any, files),
        errors=errors or cast(Any, MadeUpErrors(px)),
        baseline=timed(BASELINE, Doubling()),
        budget=Budget(px=1.0),
        objective=objective,
        state=state,
        save=lambda: None,
        deadline=deadline or Deadline(1e6),
        on_progress=lambda activity, share: None,
    )
    names = [("onnx", precision) for precision in px]
    space = SearchSpace(files=names, runtimes={name: ["onnxruntime"] for name in names})
    return Search(space, context, ExitStack()), files
