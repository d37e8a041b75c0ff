"""Searches with made-up errors: what is timed, dropped, failed and chosen."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from posedeploy.api import tuning_result
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.tuning_options import TuneOptions
from posedeploy.api.tuning_report import TuningReport
from posedeploy.api.tuning_result import ResultWriter
from posedeploy.api.tuning_search import Search
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.commands.tune import no_winner_message
from posedeploy.errors import ArtifactError
from posedeploy.tuning.configurations import Objective
from posedeploy.tuning.deadline import Deadline
from posedeploy.tuning.state import State
from tests.tuning.searches import ExportedFiles, build_search

IMAGES = (("a.jpg", Path("photos/a.jpg")),)
OVER = {"fp32": 2.0, "fp16": 3.0, "int8": 9.0}


@pytest.fixture
def state() -> State:
    return State(settings={"checkpoint": "human.pth"})


def write(
    search: Search, files: ExportedFiles, state: State, folder: Path, deadline: Deadline | None = None
) -> TuningReport:
    folder.mkdir(exist_ok=True)
    return ResultWriter(
        model=cast(Any, SimpleNamespace(network=None, mesh=None)),
        args=ModelArgs(),
        options=TuneOptions(budget=Budget(px=1.0), images=(Path("photos"),)),
        folder=folder,
        state=state,
        model_files=cast(Any, files),
        images=IMAGES,
        machine=describe_machine(),
        left_out=(),
        deadline=deadline or Deadline(1e6),
        on_progress=lambda activity, share: None,
    ).write(search)


@pytest.mark.parametrize("objective", ["latency", "throughput", "size"])
def test_candidates_over_budget_are_timed_and_the_smallest_error_is_named(
    objective: Objective, state: State, tmp_path: Path
) -> None:
    search, files = build_search(state, OVER, objective=objective)
    search.run()
    report = write(search, files, state, tmp_path)
    assert [row.status for row in report.rows] == ["measured"] * 3
    assert {row.reason for row in report.rows} == {"over budget"}
    assert sorted(files.removed) == sorted(OVER)
    message = no_winner_message(report)
    assert "no candidate meets the budget (1 px); the smallest error is that of onnx fp32 (2 px" in message
    assert "run the same command again" not in message


def test_candidates_over_budget_are_not_exported_again(state: State) -> None:
    search, _ = build_search(state, OVER)
    search.run()
    del state.blocks[1:]  # as if the search was interrupted after one block
    again, files = build_search(state, OVER)
    again.run()
    assert files.opened == []
    assert len(state.blocks) == 1


def test_a_clock_that_jumps_ahead_ends_a_search_that_the_next_call_completes(state: State) -> None:
    readings = iter([*range(4), *range(10**7, 10**7 + 999)])
    search, _ = build_search(state, deadline=Deadline(1e6, lambda: float(next(readings))))
    search.run()
    assert search.not_tried and search.times_of("onnx fp32") and not search.failed
    again, _ = build_search(state)
    again.run()
    assert not again.not_tried and not again.failed
    assert all(again.times_of(f"onnx {precision}") for precision in ("fp32", "fp16", "bf16"))


def test_a_candidate_that_fails_while_it_is_timed_is_a_failed_row(state: State, tmp_path: Path) -> None:
    search, files = build_search(state, {"fp32": 2.0, "fp16": 0.1}, {"fp16": 7})
    search.run()
    failed = {"onnx fp16": "a kernel failed"}
    assert search.failed == failed
    again, _ = build_search(state, {"fp32": 2.0, "fp16": 0.1})
    again.run()
    assert again.failed == failed, "a search that continues does not try it again"
    report = write(search, files, state, tmp_path)
    assert {row.label: row.status for row in report.rows} == {"onnx fp32": "measured", "onnx fp16": "failed"}
    assert len(search.times_of("onnx fp32")) == 2, "the others are timed in the next rounds"


def test_a_failed_candidate_is_neither_ranked_nor_on_the_front(state: State, tmp_path: Path) -> None:
    search, files = build_search(state, {"fp32": 2.0, "fp16": 0.1}, {"fp16": 30})
    search.run()
    assert search.times_of("onnx fp16"), "it failed after some blocks"
    report = write(search, files, state, tmp_path)
    assert report.winner is None
    assert report.front == ["onnx fp32"]
    assert "the smallest error is that of onnx fp32" in no_winner_message(report)


def test_a_candidate_that_cannot_run_in_the_final_comparison_fails_parity(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare(*_: object) -> None:
        raise ArtifactError("a kernel failed")

    monkeypatch.setattr(tuning_result, "compare_with_pytorch", compare)
    monkeypatch.setattr(tuning_result, "run_options", compare)
    search, files = build_search(state)
    search.run()
    report = write(search, files, state, tmp_path)
    reasons = dict.fromkeys(("onnx fp32", "onnx fp16", "onnx bf16"), "a kernel failed")
    assert json.loads((tmp_path / "tune.json").read_text())["failed_parity"] == reasons
    assert report.winner is None
    assert "but its parity failed: a kernel failed" in no_winner_message(report)


def test_the_final_comparison_uses_the_selected_images_and_stops_at_the_time_limit(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[ParityOptions] = []

    def compare(artifact: object, options: object, settings: ParityOptions, *_: object) -> SimpleNamespace:
        compared.append(settings)
        return SimpleNamespace(passed=False, failures=["too different"])

    monkeypatch.setattr(tuning_result, "compare_with_pytorch", compare)
    monkeypatch.setattr(tuning_result, "run_options", lambda *_: None)
    search, files = build_search(state)
    search.run()
    over = Deadline(1.0, iter([0.0, *[9.0] * 99]).__next__)
    report = write(search, files, state, tmp_path, over)
    assert [(settings.images, settings.readable_images) for settings in compared] == [((), IMAGES)]
    assert list(report.failed_parity.values()) == ["too different"]
    message = (
        f"{report.not_compared} was not compared with PyTorch within the time limit; run the same command"
    )
    assert message in no_winner_message(report)
    assert report.not_compared not in report.failed_parity
    again = write(search, files, state, tmp_path)
    assert len(compared) == 3, "no finished comparison is repeated"
    assert (len(again.failed_parity), again.not_compared) == (3, None)
