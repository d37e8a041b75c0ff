"""Faults planted in real artifacts: each is exported, compared and, if it is in a layer, bisected."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias
from unittest import mock

import posedeploy as pd
from posedeploy.api import pytorch_parity
from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.api.parity_inputs import ParityInputs, build_parity_inputs
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.stage_parity import StageName
from posedeploy.convert.export_options import ExportPrecision
from tests.support.faulty_descriptions import DESCRIPTIONS, change_description
from tests.support.faulty_networks import GRAPHS, OVERFLOW, PREPARATIONS, WEIGHTS, Graph, Preparation
from tests.support.layered_network import Damage, keep, load_network, write_checkpoint
from tests.support.networks import write_crop_network

Comparison: TypeAlias = Callable[[], Parity]
Way: TypeAlias = Literal["checkpoint", "artifact", "reference"]
"""What an artifact is compared with; the last two need no PyTorch."""
SHARED = tempfile.TemporaryDirectory(prefix="posedeploy-planted-")


@dataclass(frozen=True)
class Planted:
    """A fault in an artifact.

    name: the text that names it. compare: returns the comparison with the right checkpoint. bisect: finds
    the layer; None if the fault is in none.
    """

    stage: StageName
    name: str
    compare: Callable[[], Parity]
    bisect: Callable[[], str] | None = None


@dataclass(frozen=True)
class Diagnosis:
    """The stages that differ, and the text that names the fault."""

    stages: tuple[str, ...]
    name: str


def diagnose(planted: Planted) -> Diagnosis:
    """Return what the comparison, and ``bisect`` for a fault in a layer, find."""
    parity = planted.compare()
    stages = tuple(stage.stage for stage in parity.stages if stage.status == "different")
    if parity.passed or planted.bisect is None:
        return Diagnosis(stages, "; ".join(_names(parity)))
    return Diagnosis(stages, "; ".join([*_names(parity), planted.bisect()]))


def _names(parity: Parity) -> Iterator[str]:
    """Yield the cause and the differences of the stages that differ."""
    for stage in parity.stages:
        if stage.status == "different":
            yield from (*stage.differences, *stage.failures)
    if parity.cause is not None:
        yield f"as if {parity.cause.name}"


STAGES: Mapping[str, StageName] = {
    "left and right swapped": "decoding",
    "a swapped keypoint pair": "decoding",
    "a swapped keypoint pair in one output": "decoding",
    "outputs in another order": "decoding",
    "a transposed output": "decoding",
    "a channels-last output": "decoding",
    "x and y exchanged": "decoding",
    "a decoding that truncates": "decoding",
    "maps shifted by a cell": "network",
    "batch items mixed up": "network",
    "align_corners": "network",
    **dict.fromkeys(WEIGHTS, "network"),
}
"""The stages of the faults that are not in the preprocessing."""
NAMES: Mapping[str, str] = {
    "channels swapped": "the image were RGB instead of BGR",
    "mean missing": "the mean were not subtracted",
    "std missing": "the values were not divided by the std",
    "divided by 255 twice": "the pixels were divided by 255 twice",
    "not divided by 255": "the pixels were not divided by 255",
    "256 for 255": "the pixels were divided by 256 instead of 255",
    "normalized twice": "the image were normalized twice",
    "one-pixel shift": "the image were shifted by (1, 0) px",
    "transposed image": "height and width of the image were exchanged",
    "channels-last image": "a channels-last image were read as channels first",
    "mirrored image": "the image were mirrored",
    "left and right swapped": "left and right keypoints were swapped",
    "a swapped keypoint pair": "the keypoints left_knee and right_knee were exchanged",
    "a swapped keypoint pair in one output": "the keypoints left_knee and right_knee were exchanged in maps",
    "outputs in another order": "the outputs early and maps were exchanged",
    "a transposed output": "height and width of maps were exchanged",
    "a channels-last output": "channels-last maps were read as channels first",
    "x and y exchanged": "the axes x and y were exchanged in points",
    "a decoding that truncates": "the values of points were truncated to whole numbers",
    "maps shifted by a cell": "maps were shifted by (1, 0) cells",
    "batch items mixed up": "the images of a batch were in another order",
    "align_corners": "resize",
    "a layer with perturbed weights": "blocks.1.conv",
    "a stale BatchNorm": "BatchNorm",
    OVERFLOW: "blocks.0.conv: the tensor has NaN or infinity",
    "other resize: nearest": "the image were resized with nearest neighbor interpolation",
    "other resize: area": "the image were resized with area interpolation",
    "other resize: cubic": "the image were resized with cubic interpolation",
    "other resize: stretched": "the image were stretched to the input size",
    "other padding: black": "the padding had the value 0",
    "other padding: at the end": "the padding were on the right and at the bottom",
}
"""The text that names each fault."""
IN_LAYERS = (*WEIGHTS, "align_corners")


def list_faults() -> list[str]:
    """Return the names of all faults."""
    descriptions = [f"manifest: {name}" for name in DESCRIPTIONS]
    return [*GRAPHS, *WEIGHTS, *PREPARATIONS, *descriptions]


def plant(name: str, folder: Path, target: str = "onnx") -> Planted:
    """Export an artifact with this fault to a folder."""
    if name.startswith("manifest: "):
        return _plant_in_description(name.removeprefix("manifest: "), folder, target)
    graph, damage = GRAPHS.get(name, Graph()), WEIGHTS.get(name, keep)
    if name in PREPARATIONS:
        return Planted("preprocessing", NAMES[name], _prepared_by(PREPARATIONS[name], _right(target).compare))
    exported = _Exported(folder, graph, damage, target, "fp16" if name == OVERFLOW else "fp32")
    bisect = exported.bisect if name in IN_LAYERS else None
    return Planted(STAGES.get(name, "preprocessing"), NAMES.get(name, ""), exported.compare, bisect)


@dataclass(frozen=True)
class RightFiles:
    """The files of the right network in a folder: what faulty artifacts are compared with."""

    folder: Path

    def write(self, batch: int) -> None:
        """Write all of them, for images in batches of this size."""
        right = _Exported(self.folder, Graph(batch=batch), keep, "openvino")
        right.save_reference(self.reference)

    @property
    def artifact(self) -> Path:
        """The OpenVINO file."""
        return self.folder / "out" / "wrong.xml"

    @property
    def reference(self) -> Path:
        """The reference file, with the outputs of PyTorch."""
        return self.folder / "reference.safetensors"

    def compare(self, wrong: pd.Artifact, way: Way) -> Parity:
        """Return the comparison of an artifact of a wrong graph."""
        if way == "checkpoint":
            checkpoint, network = self.folder / "right.pth", f"{self.folder / 'right.py'}:build"
            return pd.compare(wrong, checkpoint=checkpoint, network=network).results[0]
        if way == "artifact":
            return pd.compare(wrong, against=self.artifact).results[0]
        return pd.compare(wrong, reference=self.reference).results[0]


def export_wrong(graph: Graph, folder: Path) -> pd.Artifact:
    """Return an ONNX file of a wrong graph."""
    return _Exported(folder, graph, keep, "onnx").artifact


def compare_graph(graph: Graph, folder: Path) -> Parity:
    """Return the comparison of an ONNX file of a wrong graph with the right checkpoint."""
    return _Exported(folder, graph, keep, "onnx").compare()


class _Exported:
    """An artifact of a wrong graph or of wrong weights, and the right checkpoint with its network."""

    def __init__(
        self, folder: Path, graph: Graph, damage: Damage, target: str, precision: ExportPrecision = "fp32"
    ) -> None:
        self._network = Graph(batch=graph.batch).write(folder / "right.py")
        module = load_network(self._network)
        wrong = write_checkpoint(module, folder / "wrong.pth", damage)
        is_in_range = precision == "fp32"
        self._checkpoint = write_checkpoint(module, folder / "right.pth") if is_in_range else wrong
        model = load_checkpoint(wrong, network=graph.write(folder / "wrong.py"))
        options = pd.ExportOptions(precision=precision)
        [self._artifact] = pd.export(model, target, folder / "out", options=options)

    @property
    def artifact(self) -> pd.Artifact:
        """The artifact of the wrong graph."""
        return self._artifact

    def save_reference(self, path: Path) -> None:
        """Write a reference file with the outputs of the right checkpoint."""
        checkpoint, network = self._checkpoint, self._network
        pd.compare(self._artifact, checkpoint=checkpoint, network=network, save_reference=path)

    def compare(self) -> Parity:
        report = pd.compare(self._artifact, checkpoint=self._checkpoint, network=self._network)
        return report.results[0]

    def bisect(self) -> str:
        report = pd.bisect(self._artifact, checkpoint=self._checkpoint, network=self._network)
        first = report.first
        return "no layer" if first is None else ": ".join(filter(None, [first.layer.module, first.hint]))


@cache
def _right(target: str) -> _Exported:
    """The right network, exported to a target once."""
    folder = Path(SHARED.name, target)
    folder.mkdir(exist_ok=True)
    return _Exported(folder, Graph(), keep, target)


@cache
def _right_heatmap_network(target: str) -> tuple[Path, pd.Artifact]:
    """A checkpoint of a small pose-hg-3d, and its artifact for a target."""
    checkpoint = write_crop_network("hg", Path(SHARED.name, f"hg-{target}.pth"))
    options = pd.ExportOptions(input_size=(64, 64))
    [artifact] = pd.export(load_checkpoint(checkpoint), target, checkpoint.with_suffix(""), options=options)
    return checkpoint, artifact


def _plant_in_description(name: str, folder: Path, target: str) -> Planted:
    checkpoint, artifact = _right_heatmap_network(target)
    fault = DESCRIPTIONS[name]
    wrong = change_description(artifact.path, folder / artifact.path.name, fault.change)
    text = fault.message.partition(": ")[2] or fault.message
    return Planted(
        fault.stage,
        text.replace(", the output", "; the output").replace(", keypoint", "; keypoint"),
        lambda: pd.compare(wrong, checkpoint=checkpoint).results[0],
    )


def _prepared_by(preparation: Preparation, compare: Comparison) -> Comparison:
    """Return the comparison of an artifact that an application runs on images it prepares itself."""

    def prepared(*args: Any) -> ParityInputs:
        inputs = build_parity_inputs(*args)
        generated = tuple(
            (ours, replace(theirs, tensors={"data": preparation(theirs.image)}))
            for ours, theirs in inputs.pairs.generated
            if theirs.image is not None
        )
        return replace(inputs, pairs=replace(inputs.pairs, generated=generated))

    def compare_prepared() -> Parity:
        with mock.patch.object(pytorch_parity, "build_parity_inputs", prepared):
            return compare()

    return compare_prepared
