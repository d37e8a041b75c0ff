"""A correct runner, and a comparison of it with one whose outputs are changed."""

from __future__ import annotations

from collections.abc import Callable

from posedeploy.benchmarks.inputs import NetworkInput, build_image_inputs, generate_noise_images
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.runner_comparison import compare_outputs
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.poses.lightweight_openpose_2d import decode
from posedeploy.types import Camera, Placement, Poses, Tensors
from tests.predict.conftest import HEIGHT, WIDTH, CrowdRunner, spec_of

SPEC = spec_of("lightweight-openpose-2d", height=HEIGHT, width=WIDTH)
Change = Callable[[Tensors], Tensors]


class ChangedRunner(CrowdRunner):
    """The crowd with a change to the maps of every second input."""

    def __init__(self, change: Change) -> None:
        super().__init__(SPEC)
        self._change = change

    def _run(self, tensors: Tensors) -> Tensors:
        outputs = super()._run(tensors)
        return outputs if self.runs % 2 else self._change(outputs)


def noise_pairs(count: int = 2) -> list[tuple[NetworkInput, NetworkInput]]:
    named = [(f"picture {index}", image) for index, image in enumerate(generate_noise_images(SPEC, count))]
    samples = build_image_inputs(SPEC, named)
    return list(zip(samples, samples, strict=True))


def decode_crowd(outputs: Tensors, placement: Placement) -> Poses:
    return decode(outputs, SPEC, placement, Camera())


def compare_changed(change: Change, tolerance: Tolerance | None = None) -> Parity:
    reference = CrowdRunner(SPEC)
    return compare_outputs(
        "x.xml",
        reference,
        ChangedRunner(change),
        noise_pairs(),
        tolerance=tolerance or Tolerance(),
        decode=decode_crowd,
    )


def in_place(change: Callable[[Tensors], None]) -> Change:
    def changed(outputs: Tensors) -> Tensors:
        change(outputs)
        return outputs

    return changed
