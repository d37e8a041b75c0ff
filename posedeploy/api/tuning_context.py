"""The objects that a search works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from posedeploy.api.tuning_candidates import CandidateOpener
from posedeploy.api.tuning_errors import PoseErrors
from posedeploy.api.tuning_files import ModelFiles
from posedeploy.benchmarks import timing
from posedeploy.benchmarks.budget import Budget
from posedeploy.tuning.configurations import Objective
from posedeploy.tuning.deadline import Deadline
from posedeploy.tuning.state import State
from posedeploy.types import OnProgress


@dataclass(frozen=True, kw_only=True)
class SearchContext:
    """The objects that open and measure the candidates of a search. save: writes the state."""

    opener: CandidateOpener
    files: ModelFiles
    errors: PoseErrors
    baseline: timing.Candidate
    budget: Budget
    objective: Objective
    state: State
    save: Callable[[], None]
    deadline: Deadline
    on_progress: OnProgress
