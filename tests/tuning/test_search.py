"""Searches with made-up errors: what is timed, dropped, failed and chosen."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

import posedeploy as pd
from posedeploy.api import tuning_result
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.no_winner import describe_error
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.tuning_errors import PoseErrors
from posedeploy.api.tuning_inputs import ErrorImages
from posedeploy.api.tuning_options import TuneOptions
from posedeploy.api.tuning_outputs import check_replaced, hash_outputs
from posedeploy.api.tuning_report import TuningReport
from posedeploy.api.tuning_result import ResultWriter
from posedeploy.api.tuning_search import Search
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.benchmarks.pose_comparison import ImagePairs, PoseComparison
from posedeploy.benchmarks.synthetic_inputs import generate_images_of_input_size
from posedeploy.errors import ArtifactError, InputError, OutputError
from posedeploy.tuning.configurations import Objective
from posedeploy.tuning.deadline import Deadline
from posedeploy.tuning.state import STATE_NAME, State
from tests.tuning.searches import ExportedFiles, build_search

IMAGES = (("a.jpg", Path(__file__).parents[2] / "docs" / "demo.jpg"),)
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


def fail(*_: object) -> None:
    raise ArtifactError("a kernel failed")


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
    message = report.no_winner_reason
    assert "no candidate meets the budget (1 px); the smallest error is that of onnx fp32 (2 px" in message
    assert "search again" not in message


def test_candidates_over_budget_are_not_exported_again(state: State) -> None:
    search, _ = build_search(state, OVER)
    search.run()
    del state.blocks[1:]  # as if the search was interrupted after one block
    again, files = build_search(state, OVER)
    again.run()
    assert files.opened == []
    assert len(state.blocks) == 1


def test_a_clock_that_jumps_ahead_ends_a_search_that_the_next_call_completes(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([*range(4), *range(10**7, 10**7 + 999)])
    search, files = build_search(state, deadline=Deadline(1e6, lambda: float(next(readings))))
    search.run()
    assert search.not_tried and search.times_of("onnx fp32") and not search.failed
    monkeypatch.setattr(tuning_result, "run_options", fail)
    report = write(search, files, state, tmp_path)
    assert report.has_progressed
    assert {row.status for row in report.rows} == {"measured", "not tried"}
    assert {row.reason for row in report.rows} == {"the time limit was reached"}
    again, _ = build_search(state)
    again.run()
    assert not again.not_tried and not again.failed
    assert all(again.times_of(f"onnx {precision}") for precision in ("fp32", "fp16", "bf16"))


def test_a_call_that_adds_nothing_asks_for_more_time(state: State, tmp_path: Path) -> None:
    search, files = build_search(state, deadline=Deadline(1.0, iter([0.0, *[9.0] * 99]).__next__))
    search.run()
    report = write(search, files, state, tmp_path)
    assert report.no_winner_reason == (
        "no candidate was measured within the time limit; use a longer time limit to continue"
    )


def test_the_measure_with_the_largest_share_of_its_limit_is_shown() -> None:
    values = {"px": np.full(9, 0.5), "joint_mm": np.full(9, 9.0), "oks": np.full(1, 0.8)}
    poses = PoseComparison((ImagePairs("a.jpg", 1, 0, 0, 9, 0, 0, values),))
    for budget, shown in (
        (Budget(px=1.0, mm=100.0), "0.5 px"),
        (Budget(px=1.0, mm=10.0), "9 mm"),
        (Budget(px=1.0, oks=0.9), "OKS 0.8"),
        (Budget(unmatched_percent=2.0), ""),
    ):
        assert describe_error(poses, budget) == shown


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


def test_an_input_that_cannot_be_read_ends_the_search_and_fails_no_candidate(
    state: State, tmp_path: Path
) -> None:
    model = pd.load_checkpoint("sample")
    spec = with_fixed_size(model.spec, 1, (64, 96))
    (named,) = generate_images_of_input_size(spec, 1)
    photo = tmp_path / "a.png"
    cv2.imwrite(str(photo), named.image)
    errors = PoseErrors(model, ErrorImages((), (("a.png", photo),)), 1)
    content = photo.read_bytes()
    photo.unlink()
    search, _ = build_search(state, errors=errors, spec=spec)
    with pytest.raises(InputError, match=r"a\.png: no such file"):
        search.run()
    assert not search.failed and not any(record.reason for record in state.candidates.values())
    photo.write_bytes(content)
    search, _ = build_search(state, errors=errors, spec=spec)
    search.run()
    assert len(search.failed) == 3, "an error of the runner is one of the candidate"
    assert all("do not fit the network" in reason for reason in search.failed.values())


def test_only_unchanged_files_of_the_last_result_are_replaced(state: State, tmp_path: Path) -> None:
    name = os.fsdecode(b"ph\xe9-fp16.onnx")
    for file in (name, "old.onnx", "changed.onnx"):
        (tmp_path / file).write_bytes(b"1")
    outputs = hash_outputs(tmp_path)
    assert list(outputs) == ["changed.onnx", "old.onnx", "ph\\xe9-fp16.onnx"]
    check_replaced(tmp_path, [*outputs, name, "new.onnx"], outputs)
    state.outputs = outputs
    (tmp_path / "changed.onnx").write_bytes(b"2")
    (tmp_path / "mine.onnx").write_bytes(b"3")
    for other in ("changed.onnx", "mine.onnx"):
        with pytest.raises(
            OutputError, match=f"{other}: this search did not write this file, but its result"
        ):
            check_replaced(tmp_path, [name, other], outputs)
    (tmp_path / "parity.json").write_text("that of the user")
    with pytest.raises(
        OutputError, match=r"parity\.json: this search did not write this file, but its result"
    ):
        check_replaced(tmp_path, [], outputs)
    (tmp_path / "parity.json").unlink()
    search, files = build_search(state, OVER)
    search.run()
    write(search, files, state, tmp_path)
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"changed.onnx", "mine.onnx", "tune.json", "tune.svg", STATE_NAME}
    assert state.outputs.keys() == {"tune.json", "tune.svg"}


def test_a_failed_candidate_is_neither_ranked_nor_on_the_front(state: State, tmp_path: Path) -> None:
    search, files = build_search(state, {"fp32": 2.0, "fp16": 0.1}, {"fp16": 30})
    search.run()
    assert search.times_of("onnx fp16"), "it failed after some blocks"
    report = write(search, files, state, tmp_path)
    assert report.winner is None
    assert report.front == ["onnx fp32"]
    assert "the smallest error is that of onnx fp32" in report.no_winner_reason


def test_a_candidate_that_cannot_run_in_the_final_comparison_fails_parity(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning_result, "run_options", fail)
    search, files = build_search(state)
    search.run()
    report = write(search, files, state, tmp_path)
    reasons = dict.fromkeys(("onnx fp32", "onnx fp16", "onnx bf16"), "a kernel failed")
    assert json.loads((tmp_path / "tune.json").read_text())["failed_parity"] == reasons
    assert report.winner is None
    assert report.front == [], "they are not on the front"
    assert "but its parity failed: a kernel failed" in report.no_winner_reason


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
    message = f"{report.not_compared} was not compared with PyTorch within the time limit; search again"
    assert message in report.no_winner_reason
    assert json.loads((tmp_path / "tune.json").read_text())["no_winner_reason"] == report.no_winner_reason
    assert not set(report.front) & set(report.failed_parity)
    again = write(search, files, state, tmp_path)
    assert len(compared) == 3, "no finished comparison is repeated"
    assert (len(again.failed_parity), again.not_compared) == (3, None)
