"""The input on which the tensors of an artifact are examined, and its outputs in PyTorch."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from posedeploy.api.bisect_report import OutputDifference
from posedeploy.api.decoding_pair import build_decode, build_pairing, list_peak_outputs
from posedeploy.api.parity_inputs import build_parity_inputs
from posedeploy.api.reporting import report_steps
from posedeploy.benchmarks.ambiguity import bound_noise, decode_sides
from posedeploy.benchmarks.array_differences import absolute_differences, bound_scale, max_absolute, rms
from posedeploy.benchmarks.description_differences import list_preprocessing_differences
from posedeploy.benchmarks.image_comparison import Pairing, select_image
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.pose_comparison import POINT_UNITS, PoseComparison
from posedeploy.benchmarks.row_pairing import find_row_axes, have_same_shape, pair_rows
from posedeploy.benchmarks.tolerances import default_tolerance
from posedeploy.bisection.reference_graph import run_network
from posedeploy.convert.prepare import ExportWrapper
from posedeploy.decoders import Decode
from posedeploy.errors import ArtifactError
from posedeploy.runtimes.adapted import adapt_runner, is_channels_last
from posedeploy.runtimes.load_runner import open_runner, resolve_spec
from posedeploy.types import (
    TO_CHANNELS_FIRST,
    Array,
    Artifact,
    Model,
    ModelSpec,
    OnProgress,
    RunOptions,
    RuntimeInfo,
    Tensors,
)

PEOPLE_SHARE = 0.1
"""The least difference of an input with people that is preferred, relative to the largest of all inputs."""


class Measure:
    """The comparison of the outputs of a network with this spec, and of the poses that they decode to.

    largest: the largest absolute value of each output on any input.
    """

    def __init__(self, spec: ModelSpec, largest: Mapping[str, float]) -> None:
        self._largest, self._row_axes = largest, find_row_axes(spec)
        self._decode: Decode | None = build_decode(spec)
        self._pairing: Pairing | None = build_pairing(spec) if self._decode is not None else None
        self._bounds = bound_noise(list_peak_outputs(spec), None)

    def __call__(self, source: NetworkInput, expected: Tensors, actual: Tensors) -> OutputDifference:
        """Return the difference of ``actual`` from ``expected``, the outputs for one input.

        Rows whose number depends on the input are paired. A row without a counterpart counts as a difference
        from zero.
        """
        differences = self._list_differences(expected, actual)
        size = max((rms(each) for each in differences), default=0.0)
        largest = max((float(each.max(initial=0.0)) for each in differences), default=0.0)
        poses = self._compare_poses(source, expected, actual) if math.isfinite(size) else None
        if poses is None:
            return OutputDifference(size, largest)
        measure = next((each for each in POINT_UNITS if each in poses.summaries), None)
        if measure is None:
            return OutputDifference(size, largest, unmatched=poses.unmatched_keypoints)
        p95 = poses.summaries[measure].p95.value
        return OutputDifference(size, largest, p95, POINT_UNITS[measure], poses.unmatched_keypoints)

    def _list_differences(self, expected: Tensors, actual: Tensors) -> list[Array]:
        """Return the differences of each output, relative to its scale."""
        paired = pair_rows(expected, actual, self._row_axes)
        differences = []
        for name, array in expected.items():
            both = absolute_differences(paired.expected[name], paired.actual[name]).ravel()
            rest = paired.unpaired.get(name, np.zeros(0))
            both = np.concatenate([both, absolute_differences(np.zeros(rest.shape), rest)])
            differences.append(both / bound_scale(max_absolute(array), self._largest[name]))
        return differences

    def _compare_poses(
        self, source: NetworkInput, expected: Tensors, actual: Tensors
    ) -> PoseComparison | None:
        if self._decode is None or self._pairing is None or not source.placements:
            return None
        images = []
        for index, placement in enumerate(source.placements):
            count = len(source.placements)
            sides = select_image(expected, index, count), select_image(actual, index, count)
            decoded = decode_sides(self._decode, *sides, placement, default_tolerance("fp32"), self._bounds)
            images.append(self._pairing.compare(source.name, decoded, *sides, placement))
        return PoseComparison(tuple(images))


@dataclass(frozen=True)
class Comparison:
    """An artifact and PyTorch on one input.

    network: the network with the artifact's outputs, and its preprocessing if that is embedded. inputs: of
    ``network``. input: of the artifact. expected: the outputs of ``network``, with channels first.
    channels_last: those that ``network`` returns with channels last. runtime_info, difference: of the
    artifact. measure: the comparison of other outputs. preprocessing: the differences between the
    artifact's description of its input and that of PyTorch, if ``input`` is prepared like PyTorch's because
    of them.
    """

    spec: ModelSpec
    network: ExportWrapper
    input: NetworkInput
    inputs: list[Array]
    expected: Tensors
    channels_last: frozenset[str]
    runtime_info: RuntimeInfo
    difference: OutputDifference
    measure: Measure
    preprocessing: tuple[str, ...] = ()

    def name_outputs(self, outputs: Sequence[Array]) -> Tensors:
        """Return outputs of ``network`` by name, with channels first."""
        return _name_outputs(self.spec, outputs, self.channels_last)


def select_input(
    artifact: Artifact,
    model: Model,
    options: RunOptions,
    runtime: str | None,
    images: tuple[Path, ...],
    on_progress: OnProgress,
) -> Comparison:
    """Run an artifact and PyTorch on the inputs of parity, and return the one with the largest difference.

    An input on which both models find people is preferred, if its difference is at least ``PEOPLE_SHARE`` of
    the largest. If the artifact describes another preprocessing than PyTorch, it also runs on the inputs that
    PyTorch's description gives; those with the smaller difference are used.

    Raises:
        PoseDeployError: the artifact does not run, or does not fit the checkpoint.
    """
    report = report_steps(on_progress, f"running {artifact.path.name} and PyTorch")
    own, like_reference = _Worst(), _Worst()
    with open_runner(artifact, options, runtime) as runner:
        spec = resolve_spec(artifact, runner)
        adapted = adapt_runner(runner, spec)
        pairs = build_parity_inputs(model.spec, spec, images, adapted.ranges, artifact.calibration).pairs
        network, is_embedded = _build_network(artifact, model, spec)
        channels_last = frozenset(each.name for each in model.spec.outputs if is_channels_last(each))
        sources = (candidate if is_embedded else reference for reference, candidate in pairs)
        measure = Measure(spec, _find_largest(network, spec, channels_last, sources))
        axes = find_row_axes(spec)

        def compare(reference: NetworkInput, candidate: NetworkInput) -> Comparison:
            source = candidate if is_embedded else reference
            inputs = list(source.tensors.values())
            expected = _run(network, spec, channels_last, source)
            actual = adapted.run(candidate.tensors)
            _check_shapes(artifact, expected, actual, axes)
            difference = measure(candidate, expected, actual)
            return Comparison(
                spec,
                network,
                candidate,
                inputs,
                expected,
                channels_last,
                runner.runtime_info,
                difference,
                measure,
            )

        for number, (reference, candidate) in enumerate(pairs):
            compared = compare(reference, candidate)
            own.add(compared)
            form = candidate.as_reference
            like_reference.add(compared if form is None else compare(reference, form))
            report(number + 1, len(pairs))
    if like_reference.size < own.size:
        differences = list_preprocessing_differences(model.spec, spec)
        return replace(like_reference.choose(), preprocessing=differences)
    return own.choose()


class _Worst:
    """The inputs with the largest difference, with and without people."""

    def __init__(self) -> None:
        self._by_people: dict[bool, Comparison] = {}

    @property
    def size(self) -> float:
        """The largest difference."""
        return max(_size(each.difference) for each in self._by_people.values())

    def add(self, comparison: Comparison) -> None:
        """Keep the comparison if its difference is the largest."""
        has_people = comparison.difference.poses is not None
        worst = self._by_people.get(has_people)
        if worst is None or _size(comparison.difference) > _size(worst.difference):
            self._by_people[has_people] = comparison

    def choose(self) -> Comparison:
        """Return one with people, if its difference is at least ``PEOPLE_SHARE`` of the largest."""
        with_people = self._by_people.get(True)
        if with_people is not None and _size(with_people.difference) >= PEOPLE_SHARE * self.size:
            return with_people
        return max(self._by_people.values(), key=lambda each: _size(each.difference))


def _run(
    network: ExportWrapper, spec: ModelSpec, channels_last: Collection[str], source: NetworkInput
) -> Tensors:
    """Return the outputs of the network by name, with channels first."""
    return _name_outputs(spec, run_network(network, list(source.tensors.values())), channels_last)


def _name_outputs(spec: ModelSpec, outputs: Sequence[Array], channels_last: Collection[str]) -> Tensors:
    return {
        each.name: array.transpose(TO_CHANNELS_FIRST) if each.name in channels_last else array
        for each, array in zip(spec.outputs, outputs, strict=True)
    }


def _find_largest(
    network: ExportWrapper, spec: ModelSpec, channels_last: Collection[str], sources: Iterable[NetworkInput]
) -> dict[str, float]:
    """Return the largest absolute value of each output on any input."""
    largest = {output.name: 0.0 for output in spec.outputs}
    for source in sources:
        for name, array in _run(network, spec, channels_last, source).items():
            largest[name] = max(largest[name], max_absolute(array))
    return largest


def _size(difference: OutputDifference) -> float:
    return difference.rms if math.isfinite(difference.rms) else sys.float_info.max


def _build_network(artifact: Artifact, model: Model, spec: ModelSpec) -> tuple[ExportWrapper, bool]:
    """Return the network with the outputs of the artifact, and whether it includes the preprocessing.

    Raises:
        ArtifactError: the network does not have an output of the artifact.
    """
    names = [output.name for output in model.spec.outputs]
    missing = [output.name for output in spec.outputs if output.name not in names]
    if missing:
        raise ArtifactError(
            f"{artifact.path}: the output {missing[0]!r} does not exist in PyTorch, which has "
            f"{', '.join(names)}; use the checkpoint of the same network"
        )
    # Steps of preprocessing that the network contains.
    own = model.spec.contract.embedded if model.spec.contract is not None else ()
    is_embedded = (
        artifact.provenance is not None
        and spec.contract is not None
        and not set(spec.contract.embedded).issubset(own)
    )
    keep = tuple(names.index(output.name) for output in spec.outputs)
    network = ExportWrapper(
        model.export_form or model.module, model.spec.contract if is_embedded else None, keep
    )
    return network.eval(), is_embedded


def _check_shapes(artifact: Artifact, expected: Tensors, actual: Tensors, axes: Mapping[str, int]) -> None:
    """Check that outputs have equal shapes, apart from the axes whose length depends on the input."""
    for name, array in expected.items():
        if not have_same_shape(array, actual[name], axes.get(name)):
            raise ArtifactError(
                f"{artifact.path}: {name} has shape {actual[name].shape}, but {array.shape} in PyTorch on "
                "the same input; export it again"
            )
