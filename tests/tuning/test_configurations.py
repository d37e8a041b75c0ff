"""The configurations of a search, and the neighbors of one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posedeploy.tuning.configurations import Configuration, ModelFile, SearchSpace

SPACE = SearchSpace(
    files=[("onnx", "fp32"), ("openvino", "bf16")],
    runtimes={"onnx": ["onnxruntime", "openvino"], "openvino": ["openvino"]},
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
