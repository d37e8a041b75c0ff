"""A mistake is named only if it explains the difference on several inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posedeploy.benchmarks.diagnosis import DifferingRun
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.benchmarks.inputs import NetworkInput, build_image_inputs
from posedeploy.benchmarks.known_mistakes import list_input_mistakes, try_input
from posedeploy.benchmarks.mistake_ranking import MistakeRanking, list_reference_mistakes
from posedeploy.runtimes.base import Runner
from posedeploy.types import InputContract, Model, ModelSpec, RuntimeInfo, Tensors, TensorSpec

MISTAKE = "the image were mirrored"


class OneDirection(Runner):
    """A network whose outputs all move along one direction, by one number that depends on the image."""

    def __init__(self, spec: ModelSpec) -> None:
        self.inputs, self.outputs = spec.inputs, (TensorSpec("out", (1, 8)),)
        self.runtime_info = RuntimeInfo("test", "1", "CPU", "fp32", 1, {})

    def _run(self, tensors: Tensors) -> Tensors:
        image = tensors["data"].astype(np.float64)
        ramp = np.linspace(0, 1, image[0, 0].size).reshape(image.shape[2:])
        return {"out": 1 + 0.02 * (image * ramp).mean() * np.linspace(-1, 1, 8)[None]}


def build_inputs(tiny: Model) -> tuple[ModelSpec, list[NetworkInput]]:
    """Return the spec of a network, and a noisy image in four forms."""
    contract = InputContract(64, 96, (120.0, 110.0, 100.0), (60.0, 58.0, 57.0), "RGB")
    spec = with_fixed_size(replace(tiny.spec, contract=contract))
    image = np.random.default_rng(3).integers(0, 255, (64, 96, 3), np.uint8)
    forms = {
        "photo": image, "mirrored": image[:, ::-1], "turned": image[::-1, ::-1], "darker": image // 2,
    }  # fmt: skip
    return spec, build_image_inputs(spec, [(name, form.copy()) for name, form in forms.items()])


def rank(runner: Runner, runs: list[DifferingRun]) -> list[str]:
    """Return the mistakes that explain the difference."""
    mistakes = list_reference_mistakes(runner, runs[0])
    return [each.mistake.name for each in MistakeRanking(runs).rank(mistakes)]


def test_rounding_errors_that_look_like_a_mistake_on_one_input_are_not_explained(tiny: Model) -> None:
    """The height and width of the image were once named as the cause of rounding errors of INT8."""
    spec, sources = build_inputs(tiny)
    runner = OneDirection(spec)
    mistake = next(each for each in list_input_mistakes(spec) if each.name == MISTAKE)
    changed = try_input(mistake, sources[0], spec)
    assert changed is not None
    error = runner.run(changed.tensors)["out"] - runner.run(sources[0].tensors)["out"]
    outputs = [runner.run(source.tensors)["out"] for source in sources]
    runs = [
        DifferingRun(spec, source, source, {"out": own}, {"out": own + error}, {})
        for source, own in zip(sources, outputs, strict=True)
    ]
    assert MISTAKE in rank(runner, runs[:1])
    assert MISTAKE not in rank(runner, runs)


def test_a_mistake_on_all_inputs_is_explained(tiny: Model) -> None:
    spec, sources = build_inputs(tiny)
    runner = OneDirection(spec)
    mistake = next(each for each in list_input_mistakes(spec) if each.name == MISTAKE)
    changed = [try_input(mistake, source, spec) for source in sources]
    runs = [
        DifferingRun(spec, source, source, runner.run(source.tensors), runner.run(wrong.tensors), {})
        for source, wrong in zip(sources, changed, strict=True) if wrong is not None
    ]  # fmt: skip
    assert len(runs) == len(sources)
    assert rank(runner, runs) == [MISTAKE]
