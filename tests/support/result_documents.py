"""JSON documents of bench, parity and tune with chosen values, as the commands write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from posedeploy.api.latency_report import LatencyReport
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.latency import Latency, LoadCost
from posedeploy.benchmarks.machine_info import Machine
from posedeploy.benchmarks.time_comparison import compare_in_rounds
from posedeploy.types import RuntimeInfo

Edit: TypeAlias = Callable[[dict[str, Any]], None]
MACHINE = Machine(
    cpu="Example CPU",
    physical_cores=2,
    logical_cores=4,
    governor=None,
    memory_bytes=8_000_000_000,
    system="Linux 6.1",
    python="3.11.7",
    load=0.5,
    packages={"posedeploy": "0.1.0", "numpy": "2.4.6"},
)
PYTORCH = "human.pth (PyTorch)"
RUNTIMES = {".pth": "pytorch", ".xml": "openvino", ".onnx": "onnxruntime", ".tflite": "litert"}


def info_of(name: str, precision: str = "fp32") -> RuntimeInfo:
    runtime = next((each for suffix, each in RUNTIMES.items() if suffix in name), "openvino")
    layers = {"layers": "convolutions: 12 int8, 3 bf16"} if "+" in precision else {}
    return RuntimeInfo(runtime, "1.2", "CPU", precision, 2, layers)


def hash_of(name: str) -> str:
    return name.encode().hex().ljust(64, "0")[:64]


def timed(
    label: str, milliseconds: float, precision: str = "fp32", *, runs: int = 40, stages: bool = False
) -> Latency:
    """Return times around a median, with a small spread."""
    wiggle = 1 + 0.02 * np.sin(np.arange(runs))
    times = tuple((1e-3 * milliseconds * wiggle).tolist())
    return Latency(
        label=label,
        runtime_info=info_of(label, precision),
        scenario="single-stream",
        batch=1,
        file_bytes=16_500_000,
        loads=(LoadCost(0.1, 0.05, 1_000_000, runs),),
        times_s=times,
        cpu_times_s=times,
        preprocess_times_s=(0.0015,) * runs if stages else (),
        decode_times_s=(0.002,) * runs if stages else (),
        input_shapes={"data": (1, 3, 256, 456)},
        model_sha256={label: hash_of(label)},
    )


def bench_document(
    rows: Sequence[Latency], *, machine: Machine = MACHINE, compared: bool = False
) -> dict[str, Any]:
    """Return the document of a bench; rows other than PyTorch have it as their baseline."""
    pytorch = {row.label: row for row in rows}.get(PYTORCH)
    results = tuple(
        replace(row, baseline=PYTORCH, baseline_times_s=pytorch.times_s)
        if pytorch is not None and row.label != PYTORCH
        else row
        for row in rows
    )
    comparisons = (compare_in_rounds(rows[-2], rows[-1]),) if compared else ()
    document: dict[str, Any] = json.loads(LatencyReport(results, machine, 1, comparisons).to_json())
    return document


def parity_row(label: str, error: float | None, precision: str = "fp32", **fields: Any) -> dict[str, Any]:
    """Return the comparison of an artifact whose keypoints are ``error`` px off at the 95th percentile."""
    measures = {
        "px": {
            "count": 200,
            "median": {"value": None if error is None else error / 3, "image": "a.jpg"},
            "p95": {"value": error, "image": "a.jpg"},
            "worst": {"value": None if error is None else error * 4, "image": "b.jpg"},
        }
    }
    counts = {
        "people": 18,
        "missed": 0,
        "extra": 1,
        "keypoints": 200,
        "unmatched_keypoints": 3,
        "ambiguous": 0,
    }
    output = {
        "name": "heatmaps",
        "max_absolute": 1e-5,
        "max_relative": 2e-5,
        "max_relative_tolerance": 1e-4,
        "cosine": 1.0,
    }
    return {
        "label": f"out/{label}",
        "runtime_info": asdict(info_of(label, precision)),
        "model_sha256": {label: hash_of(label)},
        "passed": True,
        "failures": [],
        "reference_precision": "fp32",
        "outputs": [output],
        "budget": None,
        "paired": counts | {"unmatched_share": 3 / 203, "measures": measures},
    } | fields


def parity_document(
    rows: Sequence[Mapping[str, Any]], *, machine: Machine = MACHINE, errors: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return {
        "format": "posedeploy.parity",
        "version": 2,
        "machine": asdict(machine),
        "passed": all(row["passed"] for row in rows),
        "errors": dict(errors or {}),
        "results": list(rows),
    }


def candidate(label: str, share: float | None, milliseconds: float, **fields: Any) -> dict[str, Any]:
    """Return a candidate of a search; an error without a number is infinite."""
    return {
        "label": label,
        "status": "measured",
        "reason": "",
        "within_budget": share is not None and share <= 1,
        "on_front": True,
        "error": {"budget_share": share},
        "ms_per_image": milliseconds,
        "speedup": 80 / milliseconds,
        "speedup_interval": None,
        "file_bytes": 16_500_000,
    } | fields


def tune_document(results: Sequence[Mapping[str, Any]], **fields: Any) -> dict[str, Any]:
    return {
        "format": "posedeploy.tune",
        "version": 1,
        "machine": asdict(MACHINE),
        "settings": {"checkpoint": "human.pth (SHA-256 0)"},
        "budget": asdict(Budget(px=1.0)),
        "objective": "latency",
        "device": "cpu",
        "inputs": 16,
        "baseline_ms": 80.0,
        "winner": {
            "label": "openvino bf16",
            "path": "human.xml",
            "export_command": "posedeploy export human.pth",
            "run_options": ["--threads", "2"],
        },
        "results": list(results),
    } | fields


ROWS = (
    timed(PYTORCH, 80, stages=True),
    timed("human.xml", 60, stages=True),
    timed("int8.xml", 20, "int8", stages=True),
)
"""PyTorch and two models."""
PARITY = (
    parity_row("human.xml", 0.0004),
    parity_row("int8.xml", 1.9, "int8", passed=False, failures=["too far"]),
)
"""The parity of the same models."""


def write_document(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def edited(path: Path, edit: Edit) -> Path:
    """Change a document in place."""
    document = json.loads(path.read_text())
    edit(document)
    return write_document(path, document)
