"""Verdicts of parity and their messages. Wrong candidates are subclasses of a correct runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from posedeploy.benchmarks.inputs import (
    NetworkInput,
    build_image_inputs,
    generate_noise_images,
    with_fixed_size,
)
from posedeploy.benchmarks.noise_floor import NoiseFloor, OutputNoise
from posedeploy.benchmarks.parity import Parity, compare_outputs
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.errors import ArtifactError
from posedeploy.poses.lightweight_openpose_2d import decode
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Artifact, Camera, Model, Placement, Poses, RunOptions, Tensors
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, CrowdRunner, spec_of

SPEC = spec_of("lightweight-openpose-2d", height=HEIGHT, width=WIDTH)
Change = Callable[[Tensors], Tensors]


class Changed(CrowdRunner):
    """The crowd with a change to the maps of every second input."""

    def __init__(self, change: Change) -> None:
        super().__init__(SPEC)
        self._change = change

    def _run(self, tensors: Tensors) -> Tensors:
        outputs = super()._run(tensors)
        return outputs if self.runs % 2 else self._change(outputs)


def _pairs(count: int = 2) -> list[tuple[NetworkInput, NetworkInput]]:
    named = [(f"picture {index}", image) for index, image in enumerate(generate_noise_images(SPEC, count))]
    samples = build_image_inputs(SPEC, named)
    return list(zip(samples, samples, strict=True))


def _decode(outputs: Tensors, placement: Placement) -> Poses:
    return decode(outputs, SPEC, placement, Camera())


def _compare(change: Change, tolerance: Tolerance | None = None) -> Parity:
    reference = CrowdRunner(SPEC)
    return compare_outputs(
        "x.xml", reference, Changed(change), _pairs(), tolerance=tolerance or Tolerance(), decode=_decode
    )


def _in_place(change: Callable[[Tensors], None]) -> Change:
    def changed(outputs: Tensors) -> Tensors:
        change(outputs)
        return outputs

    return changed


def test_an_identical_network_passes() -> None:
    progress: list[tuple[int, int]] = []
    same = compare_outputs(
        "x.xml",
        CrowdRunner(SPEC),
        CrowdRunner(SPEC),
        _pairs(),
        tolerance=Tolerance(),
        decode=_decode,
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
    parity = _compare(_in_place(lambda outputs: outputs["pafs"].fill(1)), Tolerance(is_fixed=fixed))
    info = replace(parity.runtime_info, runtime="test", precision=precision)
    failures = replace(parity, runtime_info=info, poses=None).failures
    assert len(failures) == (2 if reason else 1)
    assert reason in failures[-1]
    assert ("pass `rtol`, such as 0.05" in failures[-1]) == bool(reason)


def test_one_wrong_element_is_reported_with_its_index_and_both_values() -> None:
    def change(outputs: Tensors) -> None:
        outputs["pafs"][0, 7, 3, 40] = 12.5

    parity = _compare(_in_place(change))
    right = CrowdRunner(SPEC).run(_pairs()[0][0].tensors)["pafs"]
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

    failures = _compare(_in_place(change)).failures
    assert [failure.partition("[")[0] for failure in failures] == ["pafs", "heatmaps"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("both", [False, True])
def test_nan_fails_on_either_side(value: float, both: bool) -> None:
    def change(outputs: Tensors) -> Tensors:
        outputs["pafs"][0, 0, 2, 1] = value
        return outputs

    reference = Changed(change) if both else CrowdRunner(SPEC)
    parity = compare_outputs(
        "x.xml", reference, Changed(change), _pairs(), tolerance=Tolerance(), decode=_decode
    )
    assert parity.outputs[1].cosine == 0
    assert parity.failures[0].startswith(f"pafs[0, 0, 2, 1] on picture 1 is {value:.6g} instead of ")


def test_a_difference_within_the_tolerance_passes() -> None:
    def change(outputs: Tensors) -> None:
        outputs["pafs"][0, 0, 0, 0] += 1e-3

    assert not _compare(_in_place(change)).passed
    assert _compare(_in_place(change), Tolerance(rtol=2e-3)).passed


def test_moved_people_fail() -> None:
    def moved(outputs: Tensors) -> Tensors:
        return {name: np.roll(array, 1, axis=3) for name, array in outputs.items()}

    parity = _compare(moved, Tolerance(rtol=np.inf))
    assert parity.poses is not None
    assert parity.poses.error_px == pytest.approx(8)
    assert parity.failures == (
        "keypoints differ by 8 px at the 99th percentile, tolerance 0.1 px "
        "(4 people matched, 0 missed, 0 extra)",
    )
    assert _compare(moved, Tolerance(rtol=np.inf, px=9)).passed


def _without_left_half(outputs: Tensors) -> Tensors:
    for array in outputs.values():
        array[..., : WIDTH // 16] = 0
    return outputs


def test_a_missing_person_fails() -> None:
    parity = _compare(_without_left_half, Tolerance(rtol=np.inf, px=1e3))
    assert parity.failures == (
        "1 people missed and 0 extra, 3 matched",
        "keypoints differ by inf px at the 99th percentile, tolerance 1000 px "
        "(3 people matched, 1 missed, 0 extra)",
    )


def test_an_extra_person_fails() -> None:
    pairs = _pairs()
    reference, tolerance = Changed(_without_left_half), Tolerance(rtol=np.inf)
    parity = compare_outputs(
        "x.xml", reference, CrowdRunner(SPEC), pairs, tolerance=tolerance, decode=_decode
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
        _compare(lambda outputs: {"maps": outputs["heatmaps"]})
    with pytest.raises(ArtifactError, match=r"x.xml: pafs has shape \(1, 38, 32, 1\), but"):
        _compare(lambda outputs: outputs | {"pafs": outputs["pafs"][..., :1]})


def test_an_export_of_the_last_outputs_is_compared_with_these_only() -> None:
    one = replace(SPEC, outputs=SPEC.outputs[:1])
    parity = compare_outputs("x.xml", CrowdRunner(SPEC), CrowdRunner(one), _pairs(), tolerance=Tolerance())
    assert parity.passed
    assert [output.name for output in parity.outputs] == ["heatmaps"]


def test_every_image_of_a_batch_is_compared() -> None:
    samples = [
        replace(ours, placements=ours.placements * 2) for ours, _ in _pairs(1)
    ]  # the runner gives one image's maps; the second is then empty
    pairs = list(zip(samples, samples, strict=True))

    class Twice(CrowdRunner):
        def _run(self, tensors: Tensors) -> Tensors:
            return {name: array.repeat(2, axis=0) for name, array in super()._run(tensors).items()}

    parity = compare_outputs("x", Twice(SPEC), Twice(SPEC), pairs, tolerance=Tolerance(), decode=_decode)
    assert parity.poses is not None
    assert parity.poses.people == 2 * PEOPLE


def test_a_comparison_without_outputs_fails() -> None:
    assert Parity("x.xml", CrowdRunner(SPEC).runtime_info, (), None, Tolerance()).failures == (
        "the network has no outputs to compare",
    )


FLOOR = NoiseFloor(
    "cuda", "fp32", {name: OutputNoise(1e-3, 1e-5, 1e-4) for name in ("heatmaps", "pafs")}, 6, 36
)


def _by_floor(change: Change, floor: NoiseFloor = FLOOR, tolerance: Tolerance | None = None) -> Parity:
    return compare_outputs(
        "x.engine",
        CrowdRunner(SPEC),
        Changed(change),
        _pairs(),
        tolerance=tolerance or Tolerance(),
        decode=_decode,
        floor=floor,
    )


def _add(amount: float, everywhere: bool = False) -> Change:
    def change(outputs: Tensors) -> None:
        pafs = outputs["pafs"]
        largest = float(np.abs(pafs).max())
        pafs[(...,) if everywhere else (0, 0, 0, 0)] += amount * largest

    return _in_place(change)


def test_at_most_twice_the_noise_floor_passes() -> None:
    assert _by_floor(_add(1.9e-3)).passed
    assert not _compare(_add(1.9e-3)).passed
    (failure,) = _by_floor(_add(2.1e-3)).failures
    assert failure.startswith("pafs[0, 0, 0, 0] on picture 1 is ")
    assert failure.endswith(
        ": 2.1e-03 of the largest value, tolerance 2.0e-03 (noise floor of PyTorch fp32 on cuda: 1.0e-03)"
    )


def test_an_offset_within_the_largest_noise_fails_by_its_rms_difference() -> None:
    """A missing bias is a small difference everywhere; noise is large in few places only."""
    (failure,) = _by_floor(_add(5e-4, everywhere=True)).failures
    assert failure == (
        "pafs on picture 1: RMS difference 5.0e-04 of the largest value, tolerance 1.0e-04 (noise floor of "
        "PyTorch fp32 on cuda: 1.0e-05)"
    )


def test_a_noise_floor_does_not_widen_a_tolerance_that_the_user_passes() -> None:
    assert not _by_floor(_add(1.9e-3), tolerance=Tolerance(is_fixed=True)).passed


def test_infinite_noise_does_not_widen_the_tolerance() -> None:
    endless = replace(FLOOR, outputs={"pafs": OutputNoise(np.inf, np.inf, np.inf)})
    parity = _by_floor(_add(1.9e-3), endless)
    assert parity.failures[0].endswith("tolerance 1.0e-04 (noise floor of PyTorch fp32 on cuda: inf)")
    assert not endless.exceeds(Tolerance())
    assert FLOOR.exceeds(Tolerance()) and not FLOOR.exceeds(Tolerance(rtol=3e-3))
