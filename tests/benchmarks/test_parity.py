"""Verdicts of parity and their messages. Wrong candidates are subclasses of a correct runner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.benchmarks.inputs import build_image_inputs, generate_noise_images
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.runner_comparison import compare_outputs
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.errors import ArtifactError
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Artifact, Model, RunOptions, Tensors
from tests.benchmarks.changed_runner import (
    SPEC,
    ChangedRunner,
    compare_changed,
    decode_crowd,
    in_place,
    noise_pairs,
)
from tests.predict.conftest import PEOPLE, WIDTH, CrowdRunner


def test_an_identical_network_passes() -> None:
    progress: list[tuple[int, int]] = []
    same = compare_outputs(
        "x.xml",
        CrowdRunner(SPEC),
        CrowdRunner(SPEC),
        noise_pairs(),
        tolerance=Tolerance(),
        decode=decode_crowd,
        on_progress=lambda done, of: progress.append((done, of)),
    )
    assert same.passed and same.failures == ()
    assert progress == [(1, 2), (2, 2)]
    assert [output.name for output in same.outputs] == ["heatmaps", "pafs"]
    assert [output.max_absolute for output in same.outputs] == [0, 0]
    assert all(output.cosine == pytest.approx(1) for output in same.outputs)
    assert same.poses is not None
    assert (same.poses.people, same.poses.missed, same.poses.extra) == (2 * PEOPLE, 0, 0)
    assert (same.poses.error_px, same.poses.error_mm, same.poses.ambiguous) == (0, None, 0)


@pytest.mark.parametrize("target", ["torchscript", "onnx", "openvino"])
def test_a_correct_export_passes(tiny: Model, exported: dict[str, Artifact], target: str) -> None:
    spec = with_fixed_size(tiny.spec)
    samples = build_image_inputs(spec, [("noise", generate_noise_images(spec, 1)[0])])
    pairs = list(zip(samples, samples, strict=True))
    with (
        PyTorchRunner(tiny, RunOptions(threads=1)) as reference,
        open_runner(exported[target], RunOptions(threads=1)) as candidate,
    ):
        parity = compare_outputs("tiny", reference, candidate, pairs, tolerance=Tolerance())
        assert parity.runtime_info == candidate.runtime_info
    assert parity.failures == ()
    assert parity.poses is None
    assert max(output.rtol for output in parity.outputs) < 1e-5


@pytest.mark.parametrize(
    ("precision", "fixed", "reason"),
    [
        (
            "fp32+int8",
            False,
            "outputs in fp32+int8 have no default tolerance, so that of fp32 was used: pass",
        ),
        ("as in the file", False, "test reports the precision 'as in the file', which has no default tolera"),
        ("fp32+int8", True, ""),
        ("bf16+fp32", False, ""),
    ],
)
def test_without_a_fitting_rtol_the_failure_gives_the_reason(
    precision: str, fixed: bool, reason: str
) -> None:
    parity = compare_changed(in_place(lambda outputs: outputs["pafs"].fill(1)), Tolerance(is_fixed=fixed))
    info = replace(parity.runtime_info, runtime="test", precision=precision)
    failures = replace(parity, runtime_info=info, poses=None).failures
    assert len(failures) == (2 if reason else 1)
    assert reason in failures[-1]
    assert ("pass `rtol`, such as 0.05" in failures[-1]) == bool(reason)


def test_one_wrong_element_is_reported_with_its_index_and_both_values() -> None:
    def change(outputs: Tensors) -> None:
        outputs["pafs"][0, 7, 3, 40] = 12.5

    parity = compare_changed(in_place(change))
    right = CrowdRunner(SPEC).run(noise_pairs()[0][0].tensors)["pafs"]
    heatmaps, pafs = parity.outputs
    assert not parity.passed
    assert heatmaps.rtol == 0
    assert (pafs.worst.input, pafs.worst.index, pafs.worst.candidate) == ("picture 1", (0, 7, 3, 40), 12.5)
    assert pafs.worst.reference == right[0, 7, 3, 40]
    assert pafs.max_absolute == pytest.approx(12.5 - right[0, 7, 3, 40])
    assert pafs.rtol == pytest.approx(pafs.max_absolute / np.abs(right).max())
    assert pafs.cosine < 0.999
    assert parity.failures[0] == (
        f"pafs[0, 7, 3, 40] on picture 1 is 12.5 instead of {right[0, 7, 3, 40]:.6g}: "
        f"{pafs.rtol:.1e} of the largest value, tolerance 1.0e-04"
    )


def test_the_worst_output_is_reported_first() -> None:
    def change(outputs: Tensors) -> None:
        outputs["heatmaps"][0, 18, 0, 0] += 0.01
        outputs["pafs"][0, 0, 0, 0] += 1

    failures = compare_changed(in_place(change)).failures
    assert [failure.partition("[")[0] for failure in failures] == ["pafs", "heatmaps"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("both", [False, True])
def test_nan_fails_on_either_side(value: float, both: bool) -> None:
    def change(outputs: Tensors) -> Tensors:
        outputs["pafs"][0, 0, 2, 1] = value
        return outputs

    reference = ChangedRunner(change) if both else CrowdRunner(SPEC)
    parity = compare_outputs(
        "x.xml", reference, ChangedRunner(change), noise_pairs(), tolerance=Tolerance(), decode=decode_crowd
    )
    assert parity.outputs[1].cosine == 0
    where = f"pafs[0, 0, 2, 1] on picture 1 is {value:.6g} instead of "
    advice = f"{value:.6g}: the reference is not finite; check its weights and the input"
    assert parity.failures[0].startswith(where + (advice if both else ""))


def test_a_difference_within_the_tolerance_passes() -> None:
    def change(outputs: Tensors) -> None:
        outputs["pafs"][0, 0, 0, 0] += 1e-3

    assert not compare_changed(in_place(change)).passed
    assert compare_changed(in_place(change), Tolerance(rtol=2e-3)).passed


def test_moved_people_fail() -> None:
    def moved(outputs: Tensors) -> Tensors:
        return {name: np.roll(array, 1, axis=3) for name, array in outputs.items()}

    parity = compare_changed(moved, Tolerance(rtol=np.inf))
    assert parity.poses is not None
    assert parity.poses.error_px == pytest.approx(8)
    assert parity.failures == (
        "keypoints differ by 8 px at the 99th percentile, tolerance 0.1 px "
        "(4 people matched, 0 missed, 0 extra)",
    )
    assert compare_changed(moved, Tolerance(rtol=np.inf, px=9)).passed


def _without_left_half(outputs: Tensors) -> Tensors:
    for array in outputs.values():
        array[..., : WIDTH // 16] = 0
    return outputs


def test_a_missing_person_fails() -> None:
    parity = compare_changed(_without_left_half, Tolerance(rtol=np.inf, px=1e3))
    assert parity.failures == (
        "1 person missed and 0 extra, 3 matched",
        "keypoints differ by inf px at the 99th percentile, tolerance 1000 px "
        "(3 people matched, 1 missed, 0 extra)",
    )


def test_an_extra_person_fails() -> None:
    pairs = noise_pairs()
    reference, tolerance = ChangedRunner(_without_left_half), Tolerance(rtol=np.inf)
    parity = compare_outputs(
        "x.xml", reference, CrowdRunner(SPEC), pairs, tolerance=tolerance, decode=decode_crowd
    )
    assert parity.failures == (
        "0 people missed and 1 extra, 3 matched",
        "keypoints differ by inf px at the 99th percentile, tolerance 0.1 px "
        "(3 people matched, 0 missed, 1 extra)",
    )


def test_outputs_with_another_name_or_shape_are_an_error() -> None:
    with pytest.raises(
        ArtifactError,
        match=r"x.xml: the output 'maps' does not exist in PyTorch, which has heatmaps, pafs; use",
    ):
        compare_changed(lambda outputs: {"maps": outputs["heatmaps"]})
    with pytest.raises(ArtifactError, match=r"x.xml: pafs has shape \(1, 38, 32, 1\), but"):
        compare_changed(lambda outputs: outputs | {"pafs": outputs["pafs"][..., :1]})


def test_an_export_of_the_last_outputs_is_compared_with_these_only() -> None:
    one = replace(SPEC, outputs=SPEC.outputs[:1])
    parity = compare_outputs(
        "x.xml", CrowdRunner(SPEC), CrowdRunner(one), noise_pairs(), tolerance=Tolerance()
    )
    assert parity.passed
    assert [output.name for output in parity.outputs] == ["heatmaps"]


def test_every_image_of_a_batch_is_compared() -> None:
    samples = [
        replace(ours, placements=ours.placements * 2) for ours, _ in noise_pairs(1)
    ]  # the runner gives one image's maps; the second is then empty
    pairs = list(zip(samples, samples, strict=True))

    class Twice(CrowdRunner):
        def _run(self, tensors: Tensors) -> Tensors:
            return {name: array.repeat(2, axis=0) for name, array in super()._run(tensors).items()}

    parity = compare_outputs("x", Twice(SPEC), Twice(SPEC), pairs, tolerance=Tolerance(), decode=decode_crowd)
    assert parity.poses is not None
    assert parity.poses.people == 2 * PEOPLE


def test_a_comparison_without_outputs_fails() -> None:
    assert Parity("x.xml", CrowdRunner(SPEC).runtime_info, (), None, Tolerance()).failures == (
        "the network has no outputs to compare",
    )
