"""Exports in FP16 and BF16: close to PyTorch, with FP32 inputs and outputs, and a recorded precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
import pytest

from posedeploy.backends import TARGETS
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions, ExportPrecision
from posedeploy.errors import DeviceError, ExportError
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.openvino_precision import set_precision
from posedeploy.types import Model, RunOptions
from tests.support.networks import outputs_of, tiny_image
from tests.support.openvino_processor import NEEDS_BF16

RELATIVE = {"fp16": (1e-6, 3e-3), "bf16": (1e-5, 3e-2)}
"""The minimum and maximum difference of an output, as a fraction of its largest value."""
ON_CPU = [
    ("torchscript", "fp16"),
    ("torchscript", "bf16"),
    ("onnx", "fp16"),
    pytest.param("openvino", "bf16", marks=NEEDS_BF16),
    pytest.param("aoti", "bf16", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("target", "precision"), ON_CPU)
def test_an_export_in_a_reduced_precision_is_close_and_recorded(
    target: str, precision: ExportPrecision, tiny: Model, tmp_path: Path
) -> None:
    (artifact,) = export(tiny, [target], tmp_path, "tiny", ExportOptions(precision=precision))
    assert artifact.precision == precision
    with open_runner(artifact, RunOptions(threads=1)) as runner:
        assert runner.runtime_info.precision == precision
        arithmetic = "fp32" if target == "onnx" else precision  # on a CPU without FP16 arithmetic
        assert runner.runtime_info.layers == f"convolutions: 6 {arithmetic}"
        assert {spec.dtype for spec in (*runner.inputs, *runner.outputs)} == {"float32"}
        found, wanted = runner.run(tiny_image()), outputs_of(tiny, tiny_image())
    low, high = RELATIVE[precision]
    for name, array in wanted.items():
        assert low < np.abs(found[name] - array).max() / np.abs(array).max() < high
    with pytest.raises(
        DeviceError, match=rf"^`precision=fp32`: tiny\.\w+ was exported in {precision}; use `precision"
    ):
        open_runner(artifact, RunOptions(precision="fp32", threads=1))


@pytest.mark.parametrize(
    ("target", "precision"),
    [
        (target.name, precision)
        for target in TARGETS.values()
        for precision in ("fp16", "bf16")
        if precision not in target.precisions
    ],
)
def test_a_target_without_the_precision_is_refused(
    target: str, precision: ExportPrecision, tiny: Model, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=rf"^`precision={precision}`: `to={target}` supports fp32"):
        export(tiny, ["torchscript", target], tmp_path, "tiny", ExportOptions(precision=precision))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["torchscript", "onnx"])
def test_raw_images_are_normalized_in_fp32(target: str, tiny: Model, tmp_path: Path) -> None:
    """Embedded preprocessing stays FP32: 255 levels minus a mean are exact."""
    plain, inside = (
        export(tiny, [target], tmp_path, name, ExportOptions(precision="fp16", embed_preprocessing=embed))[0]
        for name, embed in (("plain", False), ("inside", True))
    )
    image = np.random.RandomState(0).randint(0, 256, (1, 32, 40, 3)).astype(np.uint8)
    contract = plain.spec.contract
    assert contract is not None
    normalized = (image[..., ::-1].astype(np.float32) - contract.mean) / contract.std
    data = np.ascontiguousarray(normalized.transpose(0, 3, 1, 2).astype(np.float32))
    with (
        open_runner(plain, RunOptions(precision="fp16", threads=1)) as outside,
        open_runner(inside, RunOptions(precision="fp16", threads=1)) as within,
    ):
        wanted, found = outside.run({"data": data}), within.run({"data": image})
    for name, array in wanted.items():
        assert np.abs(found[name] - array).max() / np.abs(array).max() < 1e-3


def test_openvino_stores_fp16_weights_and_computes_in_fp32(tiny: Model, tmp_path: Path) -> None:
    options = ExportOptions(precision="fp16")
    whole, half = (export(tiny, ["openvino"], tmp_path, None, each)[0] for each in (None, options))
    assert (whole.path.name, half.path.name) == ("sample.xml", "sample-fp16.xml")
    whole_bytes, half_bytes = (each.path.with_suffix(".bin").stat().st_size for each in (whole, half))
    assert half_bytes < 0.6 * whole_bytes
    with open_runner(half, RunOptions(threads=1)) as runner:
        assert runner.runtime_info.precision == "fp32"
        assert runner.runtime_info.details["layers"] == "convolutions: 6 fp32"
        found, wanted = runner.run(tiny_image()), outputs_of(tiny, tiny_image())
    for name, array in wanted.items():
        assert 1e-7 < np.abs(found[name] - array).max() / np.abs(array).max() < 3e-3


def test_a_shared_onnx_graph_stays_fp32_for_openvino(tiny: Model, tmp_path: Path) -> None:
    onnx, ir = export(tiny, ["onnx", "openvino"], tmp_path, "tiny", ExportOptions(precision="fp16"))
    (alone,) = export(tiny, ["openvino"], tmp_path, "alone", ExportOptions(precision="fp16"))
    assert ir.files["tiny.bin"] == alone.files["alone.bin"]
    assert onnx.precision == ir.precision == "fp16"


class _WithoutBf16(openvino.Core):
    """OpenVINO on a processor without bf16 instructions."""

    def get_property(self, *arguments: object) -> object:
        found = super().get_property(*arguments)
        return [name for name in found if name != "BF16"] if isinstance(found, list) else found


def test_a_processor_without_bf16_refuses_a_file_that_needs_it(tiny: Model, tmp_path: Path) -> None:
    (artifact,) = export(tiny, ["openvino"], tmp_path, "tiny", ExportOptions(precision="bf16"))
    with pytest.raises(
        DeviceError,
        match=r"tiny\.xml: exported in bf16, which needs bf16 arithmetic, but OpenVINO reports none for CPU "
        r"on this machine; run it on a processor with bf16, or export it in fp32$",
    ):
        set_precision(_WithoutBf16(), "CPU", artifact, RunOptions())
