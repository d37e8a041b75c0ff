"""The configurations of a search, and the neighbors of one."""

from __future__ import annotations

from dataclasses import replace

import openvino
import pytest

from posedeploy.api.tuning_options import TuneOptions, build_space
from posedeploy.benchmarks.budget import Budget
from posedeploy.runtimes.openvino_precision import CAPABILITIES
from posedeploy.tuning.configurations import Configuration, ModelFile, SearchSpace
from posedeploy.types import Model

SPACE = SearchSpace(
    files=[("onnx", "fp32"), ("openvino", "bf16")],
    runtimes={("onnx", "fp32"): ["onnxruntime", "openvino"], ("openvino", "bf16"): ["openvino"]},
    input_sizes=(None, (192, 344)),
    batches=(1, 4),
    threads=(2, 1),
    hint="throughput",
)
FIRST = Configuration(ModelFile("onnx", "fp32"), "onnxruntime", 2, "throughput")


def test_each_target_runs_on_each_of_its_runtimes_first() -> None:
    assert [each.label for each in SPACE.first_configurations()] == [
        "onnx fp32, 2 threads, throughput hint",
        "onnx fp32 on openvino, 2 threads, throughput hint",
        "openvino bf16, 2 threads, throughput hint",
    ]


def test_a_neighbor_differs_in_one_value() -> None:
    assert list(SPACE.neighbors(FIRST)) == [
        replace(FIRST, threads=1),
        replace(FIRST, file=replace(FIRST.file, input_size=(192, 344))),
        replace(FIRST, file=replace(FIRST.file, batch=4)),
    ]


@pytest.mark.parametrize(
    ("file", "suffix"),
    [
        (ModelFile("onnx", "fp32"), ""),
        (ModelFile("onnx", "fp16", (192, 344)), "-192x344"),
        (ModelFile("onnx", "fp16", (192, 344), 4), "-192x344-b4"),
    ],
)
def test_model_files_of_other_shapes_have_other_names(file: ModelFile, suffix: str) -> None:
    assert file.suffix == suffix


def test_every_configuration_has_its_own_label() -> None:
    reached = {each.label: each for each in SPACE.first_configurations()}
    for _ in range(4):
        reached |= {each.label: each for known in [*reached.values()] for each in SPACE.neighbors(known)}
    assert len(reached) == len(set(reached.values())) == 3 * 2**3


class _OnFp32Only(openvino.Core):
    """OpenVINO on a processor without FP16 and BF16 arithmetic."""

    def get_property(self, *arguments: object) -> object:
        values = super().get_property(*arguments)
        return [name for name in values if name not in CAPABILITIES.values()] if "FP32" in values else values


def test_files_that_need_missing_arithmetic_are_left_out_in_one_line(
    tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "Core", _OnFp32Only)
    options = TuneOptions(budget=Budget(px=1.0), targets=("onnx", "openvino"))
    space, left_out = build_space(tiny.spec, options)
    assert space.runtimes["onnx", "fp16"] == ["onnxruntime"]
    assert space.runtimes["openvino", "fp16"] == ["openvino"]  # only its weights
    assert not {("openvino", "bf16"), ("openvino", "mixed")} & {*space.files}
    assert {each.name for each in left_out} == {"onnx fp16 on openvino", "openvino bf16", "openvino mixed"}
    assert {each.reason.replace("fp16", "bf16") for each in left_out} == {
        "OpenVINO reports no bf16 arithmetic for CPU on this machine"
    }
