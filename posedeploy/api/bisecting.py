"""The first tensor of an artifact that differs from PyTorch, and the layers that cause the difference."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Unpack

from posedeploy.api.bisect_inputs import Comparison, select_input
from posedeploy.api.bisect_report import (
    BisectReport,
    FaultyTensor,
    OutputDifference,
    RankedLayer,
    disappears,
    is_fusion,
)
from posedeploy.api.model_args import (
    ArtifactSource,
    ModelArgs,
    ModelKeywords,
    get_path,
    is_sample,
    list_paths,
    optional_path,
    to_source,
)
from posedeploy.api.open_models import open_with_args
from posedeploy.api.reference_model import load_reference_model
from posedeploy.api.reporting import report_steps
from posedeploy.argument_types import check_arguments
from posedeploy.benchmarks.tolerances import MANTISSA_BITS, is_quantized, to_torch_precision
from posedeploy.bisection.alignment import NOISE_MARGIN, Aligner
from posedeploy.bisection.arithmetic import choose_execution
from posedeploy.bisection.effects import group_by_layer, rank_layers
from posedeploy.bisection.fusions import list_outside_fusion
from posedeploy.bisection.intermediates.opening import (
    NO_CHANGES,
    Changes,
    FileRun,
    Intermediate,
    find_opener,
    open_with_intermediates,
)
from posedeploy.bisection.matching import Match
from posedeploy.bisection.own_errors import (
    MIN_LIMITS,
    OwnError,
    compute_right_values,
    measure_own_errors,
)
from posedeploy.bisection.reference_graph import ReferenceGraph
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import ArtifactError, InputError
from posedeploy.runtimes.run_options import required_precision
from posedeploy.types import Artifact, Model, OnProgress, Precision, RunOptions, StrPath

SHOWN_LAYERS = 10
"""The number of layers in the ranking."""


@check_arguments
def bisect(
    artifact: ArtifactSource,
    images: StrPath | Iterable[StrPath] | None = None,
    *,
    device: str = "cpu",
    precision: Precision | None = None,
    threads: int | None = None,
    runtime: str | None = None,
    checkpoint: StrPath | None = None,
    on_progress: OnProgress = ignore_progress,
    **model_args: Unpack[ModelKeywords],
) -> BisectReport:
    """Find the first tensor inside an artifact that exceeds the noise floor of PyTorch, and rank its layers.

    Every tensor of the file becomes an output, and is assigned to the operation whose result it is. In a
    second run, each layer of the file gets the values of PyTorch as inputs, so each layer has an error of its
    own. The input is the one with the largest difference at the outputs.

    Args:
        images: also choose among these images, or the images of these folders; one path or several.
        precision: the precision of the arithmetic, as for ``compare``.
        threads: None means one per physical core.
        runtime: None means the default of the target.
        checkpoint: the checkpoint to compare with, instead of the one in the manifest.
        model_args: the fields of ``ModelKeywords``; they describe the artifact and its checkpoint.

    Raises:
        ArtifactError: the runtime cannot return intermediate tensors, or none belongs to an operation.
        PoseDeployError: the artifact or its checkpoint cannot be opened, or it does not run.
    """
    args, source = ModelArgs.of(model_args), to_source(artifact)
    if isinstance(source, Model) or is_sample(source):
        raise InputError(f"{get_path(source)}: a checkpoint; expected an artifact; export it first")
    opened = open_with_args(source, args)
    find_opener(opened, runtime)  # first, since the rest takes seconds
    on_progress(f"loading {opened.path} and its checkpoint", None)
    model = load_reference_model(opened, optional_path(checkpoint), args)
    options = RunOptions(device, precision or required_precision(opened), threads)
    comparison = select_input(opened, model, options, runtime, list_paths(images), on_progress)
    on_progress("tracing the network", None)
    graph = ReferenceGraph(comparison.network, comparison.inputs)
    return _Search(opened, comparison, graph, options, runtime, on_progress).report()


@dataclass(frozen=True)
class _Search:
    """The search for the tensors of a file that differ from PyTorch."""

    artifact: Artifact
    comparison: Comparison
    graph: ReferenceGraph
    options: RunOptions
    runtime: str | None
    on_progress: OnProgress

    def report(self) -> BisectReport:
        """Return the report."""
        comparison = self.comparison
        precision = _find_precision(self.artifact, comparison.runtime_info.precision)
        self.on_progress("running with intermediate tensors", None)
        run = self._run()
        separate = self._compare(run)
        shown: list[str] | None = None
        if is_fusion(comparison.difference, separate, precision):
            shown = self._find_fusion(run)
            run = self._run(Changes(shown=shown))
        self.on_progress("matching tensors with the network", None)
        arrays = [tensor.array for tensor in run.tensors]
        matches = Aligner(
            self.graph, arrays, self._match_outputs(run.tensors), NOISE_MARGIN * MIN_LIMITS[precision]
        ).align()
        if not matches:
            raise ArtifactError(
                f"{self.artifact.path}: none of its {len(run.tensors)} floating-point tensors is the result "
                "of an operation of the network; compare its outputs with `posedeploy parity`"
            )
        self.on_progress("measuring the error of each tensor", None)
        errors = self._measure(run, shown, matches, precision)
        faulty = [each for each in errors if each.is_faulty]
        return BisectReport(
            artifact=self.artifact,
            runtime_info=comparison.runtime_info,
            precision=precision,
            device=self.options.device,
            floor_device=choose_execution(self.options.device)[1],
            input=comparison.input.name,
            operations=len(self.graph.operations),
            tensors=len(run.tensors),
            matched=len(matches),
            difference=comparison.difference,
            with_intermediates=separate,
            preprocessing=comparison.preprocessing,
            faults=tuple(_describe(each, run.tensors[each.index]) for each in faulty),
            ranking=tuple(self._rank(errors, precision)),
        )

    def _run(self, changes: Changes = NO_CHANGES) -> FileRun:
        """Run the file with these changes."""
        with open_with_intermediates(self.artifact, self.options, self.runtime, changes) as file:
            return file.run(self.comparison.input.tensors, self.comparison.spec, changes.cuts)

    def _compare(self, run: FileRun) -> OutputDifference:
        return self.comparison.measure(self.comparison.input, self.comparison.expected, run.outputs)

    def _find_fusion(self, run: FileRun) -> list[str]:
        """Return the tensors that can be outputs while the first wrong fusion remains."""
        report = report_steps(self.on_progress, "finding the fused operators")
        runs = count()

        def is_right(shown: Collection[str]) -> bool:
            report(next(runs), None)
            return disappears(self.comparison.difference, self._compare(self._run(Changes(shown=shown))))

        return list_outside_fusion([tensor.name for tensor in run.tensors], is_right)

    def _measure(
        self, run: FileRun, shown: list[str] | None, matches: Mapping[str, Match], precision: str
    ) -> list[OwnError]:
        """Return the errors of the tensors in a second run, in which each layer gets the right values."""
        names = [tensor.name for tensor in run.tensors]
        values = compute_right_values(self.graph, matches, [tensor.array for tensor in run.tensors])
        second = self._run(Changes({names[index]: array for index, array in values.items()}, shown))
        replaced = {names.index(name): array for name, array in second.replaced.items()}
        arrays = [tensor.array for tensor in second.tensors]
        execute, _ = choose_execution(self.options.device)
        return measure_own_errors(self.graph, arrays, replaced, matches, precision, execute)

    def _match_outputs(self, tensors: list[Intermediate]) -> dict[str, Match]:
        indices = {tensor.name: index for index, tensor in enumerate(tensors)}
        names = [output.name for output in self.comparison.spec.outputs]
        known = {operation.name for operation in self.graph.operations}
        own = self.comparison.channels_last
        return {
            operation: Match(indices[name], tensors[indices[name]].is_transposed and name not in own)
            for operation, name in zip(self.graph.outputs, names, strict=True)
            if operation in known and name in indices
        }

    def _rank(self, errors: list[OwnError], precision: str) -> list[RankedLayer]:
        """Return the layers with the largest effect: in FP32, of those that are faulty."""
        layers = group_by_layer(errors)
        kept = {
            each.layer.name
            for each in layers
            if precision != "fp32" or any(own.is_faulty for own in each.errors)
        }
        comparison = self.comparison
        effects = rank_layers(
            self.graph,
            layers,
            kept,
            lambda outputs: comparison.measure(
                comparison.input, comparison.expected, comparison.name_outputs(outputs)
            ),
            lambda difference: difference.rms,
            SHOWN_LAYERS,
            report_steps(self.on_progress, "putting layers back to FP32"),
        )
        return [
            RankedLayer(each.layer.layer, each.layer.worst.error, each.caused, each.alone, each.together)
            for each in effects
        ]


def _describe(error: OwnError, tensor: Intermediate) -> FaultyTensor:
    return FaultyTensor(
        tensor=tensor.name,
        operator=tensor.operator,
        operation=error.segment.result,
        layer=error.segment.layer,
        error=error.error,
        floor=error.floor,
        limit=error.limit,
        scale_share=error.scale_share,
        fused=error.segment.operations,
    )


def _find_precision(artifact: Artifact, reported: str) -> str:
    """Return the coarsest precision of a file and of the runtime, as ``MIN_LIMITS`` names it."""
    if is_quantized(reported) or artifact.calibration is not None:
        return "int8"
    order = list(MANTISSA_BITS)
    parts = [part for part in (artifact.precision, to_torch_precision(reported) or "") if part in order]
    return max(parts, key=order.index, default="fp32")
