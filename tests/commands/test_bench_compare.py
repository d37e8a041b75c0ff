"""``bench --compare``: with an earlier report, and with a model in the same rounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from posedeploy.api.benchmark_candidates import BenchmarkOptions
from posedeploy.benchmarks.latency import Latency, LoadCost
from posedeploy.commands.bench import fastest_line, measurement_line
from posedeploy.types import RuntimeInfo, Scenario
from tests.commands.conftest import Invoke, lines_wider_than, words
from tests.test_docs import undocumented

RUNS = ("--runs", 21, "--threads", 1)


@pytest.fixture(scope="module")
def earlier(
    human: Path, network: tuple[str, str], done: Invoke, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The report of an artifact and PyTorch; do not change it."""
    path = tmp_path_factory.mktemp("earlier") / "früher 1.json"
    done("bench", human / "out" / "human.onnx", *RUNS, *network, "--json", path)
    return path


def edited(earlier: Path, edit: Callable[[dict[str, Any]], None], name: str = "edited.json") -> Path:
    document = json.loads(earlier.read_text())
    edit(document)
    Path(name).write_text(json.dumps(document))
    return Path(name)


def scale(factor: float) -> Callable[[dict[str, Any]], None]:
    """Return an edit of a report that multiplies the times of the artifact, but not those of PyTorch."""

    def edit(document: dict[str, Any]) -> None:
        row = document["results"][1]
        for name in ("times_s", "cpu_times_s"):
            row[name] = [factor * time for time in row[name]]

    return edit


@pytest.mark.parametrize(("factor", "verdict", "status"), [(0.02, "slower", 1), (50.0, "faster", 0)])
def test_times_are_compared_with_an_earlier_report(
    human: Path,
    network: tuple[str, str],
    invoke: Invoke,
    earlier: Path,
    factor: float,
    verdict: str,
    status: int,
) -> None:
    report = edited(earlier, scale(factor))
    arguments = (human / "out" / "human.onnx", *RUNS, *network, "--compare", report, "--json", "new.json")
    result = invoke("bench", *arguments)
    assert result.exit_code == status
    document = json.loads(Path("new.json").read_text())
    (comparison,) = document["comparisons"]
    assert (comparison["label"], comparison["verdict"]) == ("human.onnx", verdict)
    assert (comparison["against"], comparison["reference"]) == ("edited.json", "human.pth (PyTorch)")
    assert comparison["times"] == [21, 21]
    assert [load["runs"] for load in document["results"][1]["loads"]] == [2, 2, 2, 3, 3, 3, 3, 3]
    assert f"human.onnx {verdict}" in words(result.stdout)
    assert "relative to human.pth" in words(result.stdout)
    assert not lines_wider_than(80, result.stdout)


def test_times_are_compared_with_a_model_in_the_same_rounds(
    human: Path, network: tuple[str, str], invoke: Invoke
) -> None:
    models = (human / "out" / "human.onnx", "--compare", human / "out" / "human.xml")
    result = invoke("bench", *models, *RUNS, *network, "--loads", 1, "--seed", 5, "--json", "new.json")
    document = json.loads(Path("new.json").read_text())
    (comparison,) = document["comparisons"]
    assert result.exit_code == (comparison["verdict"] == "slower")
    assert (comparison["label"], comparison["against"]) == ("human.onnx", "human.xml")
    assert comparison["reference"] is None
    assert document["seed"] == 5
    labels = [row["label"] for row in document["results"]]
    assert labels == ["human.pth (PyTorch)", "human.onnx", "human.xml"]
    assert "no comparison" not in result.stderr


def test_other_versions_are_reported(
    human: Path, network: tuple[str, str], invoke: Invoke, earlier: Path
) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["machine"]["python"] = "3.10.1"
        for row in document["results"]:
            row["runtime_info"]["version"] = "0.1"

    report = edited(earlier, edit)
    result = invoke("bench", human / "out" / "human.onnx", *RUNS, *network, "--compare", report)
    shown = words(result.stderr)
    assert "warning: edited.json: python is 3.11" in shown and "and was 3.10.1" in shown
    assert "warning: edited.json: onnxruntime is 1." in shown
    assert "relative to" not in result.stdout, "another PyTorch is not a reference"


def _set(document: dict[str, Any], place: str, value: object) -> None:
    *path, last = place.split("/")
    for key in path:
        document = document[int(key)] if isinstance(document, list) else document[key]
    document[last] = value


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("machine/cpu", "Z80", "the earlier report was measured on another machine: cpu Z80 in the report, "),
        ("machine/logical_cores", 4096, "another machine: logical_cores 4096 in the report, "),
        (
            "results/1/runtime_info/threads",
            64,
            "human.onnx was measured with other options: threads 64 in the report, 1 now",
        ),
        ("results/1/runtime_info/device", "CUDA", "with other options: device CUDA in the report, CPU now"),
        ("results/1/runtime_info/precision", "bf16", "options: precision bf16 in the report, fp32 now"),
        ("results/1/runtime_info/runtime", "openvino", "runtime openvino in the report, onnxruntime now"),
        ("results/1/scenario", "offline", "scenario offline in the report, single-stream now"),
        ("results/1/batch", 8, "batch 8 in the report, 1 now"),
        (
            "results/1/input_shapes",
            {"data": [1, 3, 8, 8]},
            "input shapes 1x3x8x8 in the report, 1x3x256x456 now",
        ),
        ("results/1/label", "x.onnx", "has no times of human.onnx; found human.pth (PyTorch), x.onnx"),
        ("results/1/times_s", [], "the raw times of human.onnx are damaged or missing; found 0 times"),
        ("results/1/cpu_times_s", [0.1], "the raw times of human.onnx are damaged or missing"),
        ("results/1/times_s", [-1.0] * 21, "the raw times of human.onnx are damaged or missing"),
        ("results/1/times_s", [1e-320] * 21, "the raw times of human.onnx are damaged or missing"),
        ("results/1/times_s", ["a"], "Expected `float`, got `str`"),
        ("version", 1, "found posedeploy.bench, version 1; expected posedeploy.bench, version 2"),
        ("format", "posedeploy.parity", "found posedeploy.parity, version 2; expected posedeploy.bench"),
    ],
)
def test_reports_that_cannot_be_compared_are_refused(
    human: Path, network: tuple[str, str], refused: Callable[..., str], earlier: Path,
    place: str, value: object, message: str,
) -> None:  # fmt: skip
    report = edited(earlier, lambda document: _set(document, place, value))
    error = refused("bench", human / "out" / "human.onnx", *RUNS, *network, "--compare", report)
    assert message in error and "edited.json" in error


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "found no format, version 0"),
        (b"\xff\xfe", "a.json: "),
        (None, "a.json: no such file"),
    ],
)
def test_a_file_that_is_not_a_report_is_refused(
    human: Path, refused: Callable[..., str], content: bytes | None, message: str
) -> None:
    if content is not None:
        Path("a.json").write_bytes(content)
    assert message in refused("bench", human / "out" / "human.onnx", *RUNS, "--compare", "a.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--loads", 0), "--loads 0: expected at least 1"),
        (("--loads", 5, "--runs", 4), "--loads 5: the 4 timed runs are divided among the loads"),
        (
            ("--loads", 5, "--runs", 40, "--scenario", "offline"),
            "--loads 5: the 4 blocks of 10 runs are divided among the loads; expected at most as many loads",
        ),
        (("--compare", "none.onnx"), "none.onnx: no such file"),
        (("--compare", "."), "."),
    ],
)
def test_bad_options_are_refused(
    human: Path, refused: Callable[..., str], arguments: tuple[object, ...], message: str
) -> None:
    assert message in refused("bench", human / "out" / "human.onnx", *arguments)


def write_copy(path: Path, shape: tuple[int, ...]) -> Path:
    """Write an ONNX network that returns its input."""
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    opsets = [onnx.helper.make_opsetid("", 18)]
    path.parent.mkdir(exist_ok=True)
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def write_changed(path: Path) -> Path:
    """Write a network of the same shapes in another file."""
    network = onnx.load(write_copy(path, (1, 3, 8, 16)))
    network.graph.name = "changed"
    onnx.save(network, path)
    return path


def test_each_earlier_file_of_a_chain_is_timed_once(invoke: Invoke) -> None:
    report: tuple[object, ...] = ()
    for number in range(3):
        path = write_copy(Path(f"{number}/one.onnx"), (1, 3, 8, 16))
        network = onnx.load(path)
        network.graph.name = f"version {number}"
        onnx.save(network, path)
        json_name = f"{number}.json"
        invoke("bench", path, "--runs", 8, "--threads", 1, *report, "--json", json_name)
        report = ("--compare", json_name)
    rows = json.loads(Path("2.json").read_text())["results"]
    assert [row["label"] for row in rows] == ["one.onnx", "one.onnx (earlier)"]


@pytest.mark.parametrize("moved", [False, True])
def test_the_earlier_file_runs_in_the_same_rounds(invoke: Invoke, moved: bool) -> None:
    old = write_copy(Path("old/one.onnx"), (1, 3, 8, 16))
    invoke("bench", old, *RUNS, "--json", "reports.json")
    report = Path("reports.json")
    if moved:
        report = old.parent.rename("elsewhere") / report.rename("elsewhere/reports.json").name
    new = write_changed(Path("new/one.onnx"))
    result = invoke("bench", new, *RUNS, "--compare", report, "--json", "new.json")
    document = json.loads(Path("new.json").read_text())
    (comparison,) = document["comparisons"]
    folder = "elsewhere" if moved else "old"
    assert Path(comparison["earlier_file"]) == Path(folder, "one.onnx").absolute()
    assert (comparison["label"], comparison["against"]) == ("one.onnx", "reports.json")
    assert comparison["reference"] is None and comparison["times"] == [21, 21]
    assert [row["label"] for row in document["results"]] == ["one.onnx", "one.onnx (earlier)"]
    assert result.stderr.count("one.onnx of the earlier report") == 1
    assert "in the same rounds" in words(result.stdout)
    assert undocumented(Path("new.json").read_text()) == []


def _overwrite(report: dict[str, Any]) -> None:
    write_changed(Path("old/one.onnx"))


def _other_version(report: dict[str, Any]) -> None:
    report["results"][0]["runtime_info"]["version"] = "0.1"


def _no_path(report: dict[str, Any]) -> None:
    del report["results"][0]["path"]


@pytest.mark.parametrize("edit", [_overwrite, _other_version, _no_path])
def test_without_the_earlier_file_and_its_runtime_the_reports_are_compared(
    invoke: Invoke, edit: Callable[[dict[str, Any]], None]
) -> None:
    old = write_copy(Path("old/one.onnx"), (1, 3, 8, 16))
    invoke("bench", old, *RUNS, "--json", "old.json")
    report = edited(Path("old.json"), edit)
    invoke("bench", write_changed(Path("new/one.onnx")), *RUNS, "--compare", report, "--json", "new.json")
    document = json.loads(Path("new.json").read_text())
    assert document["comparisons"][0]["earlier_file"] is None
    assert [row["label"] for row in document["results"]] == ["one.onnx"]


@pytest.mark.parametrize("shape", [(2, 3, 8, 16), (1, 3, 16, 8), (1, 8, 8, 3)])
def test_models_of_other_input_shapes_are_not_compared(
    refused: Callable[..., str], shape: tuple[int, ...]
) -> None:
    one, other = write_copy(Path("one.onnx"), (1, 3, 8, 16)), write_copy(Path("other.onnx"), shape)
    message = refused("bench", one, "--compare", other, *RUNS)
    assert "--compare: one.onnx runs on inputs of 1x3x8x16 and other.onnx on " in message
    assert "pass --batch and --input-size" in message


def test_models_in_nhwc_and_nchw_are_compared(invoke: Invoke) -> None:
    one, other = write_copy(Path("one.onnx"), (1, 3, 8, 16)), write_copy(Path("other.onnx"), (1, 8, 16, 3))
    assert "Compared with other.onnx" in invoke("bench", one, "--compare", other, *RUNS).stdout


def test_models_of_the_same_name_are_not_compared_with_themselves(invoke: Invoke) -> None:
    shape = (1, 3, 8, 16)
    models = [write_copy(Path(folder) / "run #1.onnx", shape) for folder in "abc"]
    invoke("bench", *models[:2], "--compare", models[2], *RUNS, "--json", "new.json")
    comparisons = json.loads(Path("new.json").read_text())["comparisons"]
    pairs = [(each["label"], each["against"]) for each in comparisons]
    assert pairs == [("run #1.onnx", "run #1.onnx #3"), ("run #1.onnx #2", "run #1.onnx #3")]


def test_the_fastest_model_is_shown_with_its_time_per_image() -> None:
    info = RuntimeInfo("onnxruntime", "1", "CPU", "fp32", 1)
    rows = [
        Latency(
            label=f"{batch}.onnx", runtime_info=info, scenario="single-stream", batch=batch, file_bytes=None,
            loads=(LoadCost(0.1, 0.1, 0),), times_s=(time,),
        )
        for batch, time in ((1, 0.010), (4, 0.020))
    ]  # fmt: skip
    assert "(median 5.00 ms per image, 1.onnx 10.00 ms per image)" in fastest_line(rows)
    assert "1 or 4 images in a run, 1 timed run each" in measurement_line(rows)
    blocks = [replace(row, scenario="offline", block=10 * row.batch) for row in rows]
    assert "1 timed block of 10 to 40 runs each" in measurement_line(blocks)


@pytest.mark.parametrize(
    ("runs", "scenario", "loads", "rounds"),
    [
        (100, "single-stream", 8, [12, 12, 12, 12, 13, 13, 13, 13]),
        (100, "offline", 8, [1, 1, 1, 1, 1, 1, 2, 2]),
        (200, "offline", 8, [2, 2, 2, 2, 3, 3, 3, 3]),
        (5, "offline", 1, [1]),
    ],
)
def test_the_rounds_are_divided_among_the_loads(
    runs: int, scenario: Scenario, loads: int, rounds: list[int]
) -> None:
    assert BenchmarkOptions(runs=runs, loads=loads).rounds_of_each_load(scenario) == rounds


def test_an_offline_comparison_has_enough_runs_for_a_verdict_by_default(human: Path, invoke: Invoke) -> None:
    model = human / "out" / "human.onnx"
    result = invoke("bench", model, "--scenario", "offline", "--compare", model, "--json", "offline.json")
    document = json.loads(Path("offline.json").read_text())
    (comparison,) = document["comparisons"]
    assert comparison["times"] == [20, 20]
    assert comparison["interval"] is not None
    assert result.exit_code == (comparison["verdict"] == "slower")
