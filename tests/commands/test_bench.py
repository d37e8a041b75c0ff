from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest

from posedeploy.types import Array
from tests.commands.conftest import Invoke, lines_wider_than, words


def _bench(done: Invoke, *arguments: object) -> tuple[dict[str, Any], str, str]:
    result = done("bench", *arguments, "--threads", "1", "--json", "bench.json")
    return json.loads(Path("bench.json").read_text()), result.stdout, result.stderr


def _model(human: Path, name: str) -> Path:
    """A third-party model file without a manifest."""
    for path in (human / "out" / name, human / "out" / "human.bin"):
        shutil.copy(path, path.name)
    return Path(name)


def test_every_target_is_timed_with_pytorch(human: Path, network: tuple[str, str], done: Invoke) -> None:
    models = [human / "out" / f"human.{suffix}" for suffix in ("torchscript", "onnx", "xml")]
    document, shown, messages = _bench(done, *models, "--runs", 100, *network)
    assert (document["format"], document["version"]) == ("posedeploy.bench", 2)
    assert document["machine"]["physical_cores"] >= 1
    results = document["results"]
    labels = ["human.pth (PyTorch)", "human.torchscript", "human.onnx", "human.xml"]
    assert [result["label"] for result in results] == labels
    runtimes = ["pytorch", "torchscript", "onnxruntime", "openvino"]
    assert [result["runtime_info"]["runtime"] for result in results] == runtimes
    for result in results:
        assert len(result["times_s"]) == 100
        assert result["runtime_info"]["threads"] == 1
        assert result["p90_ms"] >= result["median_ms"] > 0
        assert result["p99_ms"] is None
        assert result["file_bytes"] > 1000
        assert len(result["cpu_times_s"]) == 100 and result["cpu_ms"] > 0
        assert result["median_interval_ms"][0] <= result["median_ms"] <= result["median_interval_ms"][1]
        assert result["load_ms"] == 1e3 * result["loads"][0]["load_s"] > 0
        assert result["first_run_ms"] == 1e3 * result["loads"][0]["first_run_s"] > 0
        assert result["input_shapes"] == {"data": [1, 3, 256, 456]}
    assert results[0]["speedup"] is None
    for result in results[1:]:
        assert result["baseline"] == labels[0]
        assert 0 < result["speedup_interval"][0] <= result["speedup"] <= result["speedup_interval"][1]
    assert "load ms  first ms" in shown and "CPU ms" in shown
    assert "median ms" in shown and "p90 ms" in shown and "p99 ms" not in shown
    assert "CPU, fp32" in shown and "1 thread " in shown
    assert not lines_wider_than(80, shown)
    assert "wrote bench.json" in messages
    assert sum("warning: " in line for line in messages.splitlines()) == sum(
        bool(r["warning"]) for r in results
    )


def test_few_runs_have_no_percentiles(human: Path, done: Invoke) -> None:
    document, shown, messages = _bench(done, human / "out" / "human.onnx", "--runs", 1)
    (result,) = document["results"]
    assert len(result["times_s"]) == 1
    assert (result["p90_ms"], result["speedup"], result["median_interval_ms"]) == (None, None, None)
    assert "p90" not in shown
    assert "no comparison with PyTorch for human.onnx: " in messages
    assert "repeat that argument, because it executes the file" in messages


def test_the_offline_scenario_times_blocks_in_flight(human: Path, done: Invoke) -> None:
    document, shown, _ = _bench(done, human / "out" / "human.xml", "--runs", 20, "--scenario", "offline")
    (result,) = document["results"]
    assert result["runtime_info"]["details"]["hint"] == "throughput"
    assert (result["scenario"], len(result["times_s"]), result["block"]) == ("offline", 2, 10)
    assert result["images_per_s"] == pytest.approx(2 / sum(result["times_s"]))
    assert "1 model, offline, 1 image in a run, 2 timed blocks of 10 runs each" in words(shown)


@pytest.mark.parametrize("name", ["human.onnx", "human.xml"])
def test_a_third_party_model_is_timed(human: Path, done: Invoke, name: str) -> None:
    document, _, messages = _bench(done, _model(human, name), "--runs", 10)
    assert [result["label"] for result in document["results"]] == [name]
    assert f"no comparison with PyTorch for {name}: {name}: a third-party model" in messages


@pytest.mark.slow
def test_the_speedup_is_relative_to_pytorch_at_the_same_size(done: Invoke) -> None:
    for name, size in (("small", "64x96"), ("large", "128x160")):
        done("export", "--to", "torchscript", "--name", name, "--input-size", size, "-o", "out")
    document, _, _ = _bench(done, "out/small.torchscript", "out/large.torchscript", "--runs", 1)
    rows = {result["label"]: result for result in document["results"]}
    assert list(rows) == ["sample (PyTorch)", "small.torchscript", "sample (PyTorch) #2", "large.torchscript"]
    for baseline, name in (("sample (PyTorch)", "small"), ("sample (PyTorch) #2", "large")):
        ratio = rows[baseline]["times_s"][0] / rows[f"{name}.torchscript"]["times_s"][0]
        assert rows[f"{name}.torchscript"]["speedup"] == pytest.approx(ratio)


def test_preprocessing_and_decoding_are_timed_on_an_image(
    human: Path, network: tuple[str, str], photo: Array, done: Invoke
) -> None:
    cv2.imwrite("día 1.png", photo)
    model = human / "out" / "human.xml"
    document, shown, _ = _bench(done, model, "--runs", 2, *network, "--image", "día 1.png")
    for result in document["results"]:
        assert [len(result[f"{stage}times_s"]) for stage in ("preprocess_", "", "decode_")] == [2, 2, 2]
        assert result["end_to_end_ms"] > result["preprocess_ms"] > 0
    table = shown.partition("End to end")[2]
    assert "preprocess ms network ms decode ms total ms" in words(table)
    assert not lines_wider_than(80, shown)


def test_footprint_loads_each_model_in_its_own_process(
    human: Path, network: tuple[str, str], done: Invoke
) -> None:
    document, shown, _ = _bench(done, human / "out" / "human.onnx", "--runs", 1, *network, "--footprint")
    pytorch, onnx_file = (row["footprint"] for row in document["results"])
    assert pytorch["peak_memory_bytes"] > onnx_file["peak_memory_bytes"] > 20_000_000, "torch is not in both"
    for footprint in (pytorch, onnx_file):
        assert min(footprint[name] for name in ("import_s", "load_s", "first_run_s")) > 0
        assert 0 not in footprint["energy_j"].values()
    table = words(shown.partition("In a separate process")[2])
    assert "import ms load ms first ms peak memory" in table
    assert not lines_wider_than(80, shown)


def test_footprint_on_an_image_has_the_size_of_the_image(
    monkeypatch: pytest.MonkeyPatch, done: Invoke, photo: Array
) -> None:
    cv2.imwrite("photo.png", photo[:128, :160])
    done("export", "--to", "onnx", "--dynamic", "-o", "out")
    arguments: list[dict[str, Any]] = []

    def record(task: str, argument: dict[str, Any], *_: object, **__: object) -> dict[str, Any]:
        arguments.append(argument)
        return {"import_s": 1, "load_s": 1, "first_run_s": 1, "peak_memory_bytes": 1, "energy_j": {}}

    monkeypatch.setattr("posedeploy.api.own_process.run_task", record)
    document, _, _ = _bench(done, "out/sample.onnx", "--runs", 1, "--image", "photo.png", "--footprint")
    height, width = document["results"][1]["input_shapes"]["data"][2:]
    assert [each["settings"]["input_size"] for each in arguments] == [(height, width)] * 2


def test_times_are_kept_if_a_footprint_cannot_be_measured(
    human: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posedeploy.api.own_process.TIME_LIMIT_S", 0.01)
    model = _model(human, "human.onnx")
    result = invoke("bench", model, "--runs", 1, "--footprint", "--json", "bench.json")
    document = json.loads(Path("bench.json").read_text())
    (row,) = document["results"]
    assert (result.exit_code, len(row["times_s"]), row["footprint"]) == (1, 1, None)
    (failure,) = document["failures"]
    assert failure == (
        "human.onnx: cannot be measured in a separate process, which was stopped (no end after 0.01 s)"
    )
    assert f"warning: {failure}" in words(result.stderr)


def test_an_onnx_file_is_timed_on_openvino(human: Path, done: Invoke) -> None:
    arguments = (human / "out" / "human.onnx", "--runs", 10, "--runtime", "openvino", "--precision", "auto")
    document, _, _ = _bench(done, *arguments)
    assert document["results"][0]["runtime_info"]["runtime"] == "openvino"


def test_a_checkpoint_is_timed(human: Path, network: tuple[str, str], done: Invoke) -> None:
    document, _, _ = _bench(done, human / "human.pth", "--runs", 10, *network)
    assert [result["label"] for result in document["results"]] == ["human.pth"]


@pytest.mark.slow
def test_the_sample_is_exported_if_no_artifact_exists(done: Invoke) -> None:
    document, shown, messages = _bench(done, "--runs", 1)
    assert messages.startswith("no artifacts in artifacts; exporting the built-in sample first\n")
    labels = ["sample (PyTorch)", "sample.onnx", "sample.tflite", "sample.torchscript", "sample.xml"]
    assert sorted(result["label"] for result in document["results"]) == labels
    assert not lines_wider_than(80, shown)
    for label in labels:
        rows = [line for line in shown.splitlines() if line.startswith(f"{label} ")]
        assert len(rows) == 2, "a row in each table, not folded"


@pytest.mark.slow
def test_dynamic_axes_have_the_requested_batch_and_size(done: Invoke) -> None:
    done("export", "--to", "onnx", "--dynamic", "-o", "out")
    document, _, _ = _bench(done, "out/sample.onnx", "--runs", 1, "--batch", 2, "--input-size", "64x96")
    assert [result["batch"] for result in document["results"]] == [2, 2]
