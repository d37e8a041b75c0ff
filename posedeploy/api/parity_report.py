"""The comparison of artifacts with PyTorch, and its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from posedeploy import plugins
from posedeploy.api.compared_files import Comparison
from posedeploy.benchmarks.keypoints import ImageParity, PoseParity
from posedeploy.benchmarks.machine_info import Machine, describe_machine
from posedeploy.benchmarks.noise_floor import NoiseFloor
from posedeploy.benchmarks.output_parity import OutputParity
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.pose_comparison import PoseComparison
from posedeploy.benchmarks.sensitivity import Sensitivity
from posedeploy.benchmarks.stage_parity import StageParity
from posedeploy.benchmarks.video_parity import VideoParity
from posedeploy.text_files import format_json
from posedeploy.types import StrPath

FORMAT, VERSION = "posedeploy.parity", 2
COUNTS = ("people", "missed", "extra", "keypoints", "unmatched_keypoints", "ambiguous")
"""The counts of paired people, of an image or of all."""


@dataclass(frozen=True)
class ParityReport:
    """The comparison of artifacts with PyTorch.

    results: one for each artifact that ran. errors: the messages of those that could not run, by path.
    compared: the files and the arguments of the comparison, for a certificate; None if it has none.
    """

    results: tuple[Parity, ...]
    errors: Mapping[str, str] = field(default_factory=dict)
    machine: Machine = field(default_factory=describe_machine)
    compared: Comparison | None = None

    @property
    def passed(self) -> bool:
        """Whether every artifact ran and is within its tolerance or budget."""
        return not self.failures

    @cached_property
    def failures(self) -> tuple[str, ...]:
        """A message for each difference that does not pass, and for each artifact that could not run."""
        differences = [f"{result.label}: {each}" for result in self.results for each in result.failures]
        return (*differences, *self.errors.values())

    def to_json(self) -> str:
        """Return the versioned document, without the raw outputs; docs/json.md lists its fields."""
        return format_json(self.to_document())

    def to_document(self) -> dict[str, Any]:
        """Return the content of ``to_json``."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "machine": asdict(self.machine),
            "passed": self.passed,
            "errors": dict(self.errors),
            "results": [_entry(result) for result in self.results],
        }

    def write_certificate(self, path: StrPath, *, pictures: bool = True) -> tuple[Path, Path]:
        """Write a certificate, and next to it a page with its content; return both paths.

        ``posedeploy.verify`` checks the files again, repeats the comparison and compares the numbers.

        Args:
            path: the JSON file, whose name ends in ``.json``. The page has the same name with ``.html``.
            pictures: show the images on which the models differ most on the page. The JSON has no pictures.

        Raises:
            InputError: a file of the comparison has changed since.
            OutputError: a file cannot be written.
            MissingPackageError: jinja2 is not installed.
        """
        write = plugins.load("posedeploy.api.certificate.writing:write_certificate")
        paths: tuple[Path, Path] = write(self, Path(path), pictures=pictures)
        return paths

    def write_junit(self, path: StrPath) -> Path:
        """Write the verdicts as JUnit XML, one test for each artifact; return its path.

        Raises:
            OutputError: the file cannot be written.
        """
        write = plugins.load("posedeploy.api.certificate.junit:write_junit")
        written: Path = write(self, Path(path))
        return written


def _entry(result: Parity) -> dict[str, Any]:
    return {
        "label": result.label,
        "runtime_info": asdict(result.runtime_info),
        "input_specs": [asdict(tensor) for tensor in result.input_specs],
        "output_specs": [asdict(tensor) for tensor in result.output_specs],
        "model_sha256": dict(result.model_sha256),
        "tolerance": asdict(result.tolerance),
        "reference_precision": result.reference_precision,
        "reference": result.reference and asdict(result.reference),
        "against": result.against and asdict(result.against),
        "noise_floor": result.floor and _floor(result.floor),
        "noise_floor_note": result.floor_note,
        "passed": result.passed,
        "failures": result.failures,
        "outputs": [_output(result, output) for output in result.outputs],
        "poses": result.poses
        and _poses(result.poses) | {"images": [_image(image) for image in result.poses.images]},
        "budget": result.budget and asdict(result.budget),
        "paired": result.paired and describe_pairs(result.paired) | {"images": _counts(result.paired)},
        "cause": result.cause and asdict(result.cause),
        "stages": [_stage(stage) for stage in result.stages],
        "videos": [_video(video) for video in result.videos],
        "sensitivity": result.sensitivity and _sensitivity(result.sensitivity),
    }


def _sensitivity(sensitivity: Sensitivity) -> dict[str, Any]:
    return {
        "inputs": sensitivity.inputs,
        "images": sensitivity.images,
        "runs": sensitivity.runs,
        "proves_nothing": sensitivity.proves_nothing,
        "images_prove_nothing": sensitivity.images_prove_nothing,
        "mistakes": [asdict(trial) for trial in sensitivity.trials],
    }


def _video(video: VideoParity) -> dict[str, Any]:
    return {
        "video": video.video,
        "frames": video.frames,
        "jitter": {measure: asdict(summary) for measure, summary in video.jitter.items()},
        "candidate_switches": video.candidate_switches,
        "reference_switches": video.reference_switches,
        "switches": [asdict(each) for each in video.switches],
    }


def _stage(stage: StageParity) -> dict[str, Any]:
    return {
        "stage": stage.stage,
        "status": stage.status,
        "differences": stage.differences,
        "max_relative": stage.max_relative,
        "paired": stage.paired and describe_pairs(stage.paired),
        "failures": stage.failures,
        "note": stage.note,
    }


def _output(result: Parity, output: OutputParity) -> dict[str, Any]:
    limits, noise = result.limits(output.name), result.noise(output.name)
    return {
        "name": output.name,
        "inputs": output.inputs,
        "max_absolute": output.max_absolute,
        "max_relative": output.rtol,
        "max_relative_floor": noise and noise.largest,
        "max_relative_tolerance": limits.largest,
        "rms_relative": output.rms_relative,
        "rms_relative_floor": noise and noise.rms,
        "rms_relative_tolerance": limits.rms,
        "cosine": output.cosine,
        "worst": asdict(output.worst),
    }


def _floor(floor: NoiseFloor) -> dict[str, Any]:
    return {
        "device": floor.device,
        "precision": floor.precision,
        "inputs": floor.inputs,
        "runs": floor.runs,
        "outputs": {name: asdict(noise) for name, noise in floor.outputs.items()},
        "poses": floor.poses and _poses(floor.poses),
        "jpeg_poses": floor.jpeg and _poses(floor.jpeg),
    }


def _poses(poses: PoseParity) -> dict[str, Any]:
    return {
        "people": poses.people,
        "missed": poses.missed,
        "extra": poses.extra,
        "keypoints": poses.keypoints,
        "unmatched_keypoints": poses.unmatched_keypoints,
        "ambiguous": poses.ambiguous,
        "median_px": poses.median_px,
        "error_px": poses.error_px,
        "median_mm": poses.median_mm,
        "error_mm": poses.error_mm,
        "median_vertices_mm": poses.median_vertices_mm,
        "error_vertices_mm": poses.error_vertices_mm,
    }


def describe_pairs(poses: PoseComparison) -> dict[str, Any]:
    """Return the counts and measures of paired people for a JSON document."""
    return {
        **{name: getattr(poses, name) for name in COUNTS},
        "unmatched_share": poses.unmatched_share,
        "uncompared_joints": poses.uncompared_joints,
        "measures": {measure: asdict(summary) for measure, summary in poses.summaries.items()},
    }


def _counts(poses: PoseComparison) -> list[dict[str, Any]]:
    return [{name: getattr(image, name) for name in ("image", *COUNTS)} for image in poses.images]


def _image(image: ImageParity) -> dict[str, Any]:
    return asdict(image) | {
        "distances_px": image.distances_px.tolist(),
        "distances_mm": image.distances_mm.tolist(),
        "distances_vertices_mm": image.distances_vertices_mm.tolist(),
    }
