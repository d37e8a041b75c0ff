"""``posedeploy parity``: whether artifacts give what PyTorch gives."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from posedeploy import plugins
from posedeploy.benchmarks.inputs import (
    Sample,
    drawn_images,
    image_samples,
    people_samples,
    plain,
    random_images,
    random_tensors,
    resized,
    sized,
)
from posedeploy.benchmarks.keypoints import Decode
from posedeploy.benchmarks.machine import this_machine
from posedeploy.benchmarks.parity import Bounds, Parity, compare, rounding_of
from posedeploy.checkpoints.exact import in_float64
from posedeploy.commands.console import check_json, counting, fail, out, say, warn, working, write_json
from posedeploy.commands.models import reference_model
from posedeploy.commands.opening import Described, open_described, pytorch_runner
from posedeploy.commands.tables import integers_line, parity_heading, parity_table, poses_line
from posedeploy.errors import DeviceError, InputError, MissingPackageError
from posedeploy.families import FAMILIES
from posedeploy.keypoint_descriptions import undescribed
from posedeploy.predict.image_files import open_images
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.opening import fitted, open_runner
from posedeploy.types import Array, Artifact, Camera, ModelSpec, Ranges, RunOptions

ROUNDINGS = 2
"""How many times as far from float64 as PyTorch in float32 an artifact may be, where that is beyond the
bounds: each runtime sums in an order of its own. Of PyTorch, ``rounding_of`` draws the errors."""
NOISE, DRAWN = 2, 4
"""Pictures of noise and of drawn people on which the two are compared, beside the user's."""


@dataclass(frozen=True)
class ParityOptions:
    """What to compare on, with which checkpoint, and what passes (None: the bounds of a float32 export)."""

    images: Path | None = None
    checkpoint: Path | None = None
    runtime: str | None = None
    bounds: Bounds | None = None


def run(
    paths: list[Path], options: RunOptions, settings: ParityOptions, described: Described, json: Path | None
) -> bool:
    """Compare every artifact, show the tables; whether all are the same as PyTorch."""
    if options.precision != "fp32" and settings.bounds is None:
        raise InputError(
            f"--precision {options.precision}: the bounds of float32 do not hold for it; say what may pass "
            "with --max-relative, --max-px and --max-mm"
        )
    check_json(json)
    artifacts = [open_described(path, described) for path in paths]  # one that is missing is told at once
    results, refused = [], 0
    for artifact in artifacts:
        try:
            results.append(against_pytorch(artifact, options, settings, described))
        except (DeviceError, MissingPackageError) as error:
            if len(paths) == 1:
                raise
            refused += 1  # nothing is proven of it; the others are compared all the same
            fail(str(error))
    for result in results:
        _show(result)
    if json is not None:
        write_json(json, document(results))
    return not refused and all(result.passed for result in results)


def _show(result: Parity) -> None:
    out.print(parity_heading(result), soft_wrap=True)
    if line := integers_line(result):
        out.print(line, markup=False, soft_wrap=True)
    out.print(parity_table(result))
    out.print(poses_line(result) + "\n", markup=False)
    for failure in result.failures:
        fail(f"{result.label}: {failure}")


def bounds(relative: float | None, px: float | None, mm: float | None) -> Bounds | None:
    """What the user lets pass, None for the bounds of float32."""
    given = {
        name: bound for name, bound in {"relative": relative, "px": px, "mm": mm}.items() if bound is not None
    }
    for name, bound in given.items():
        if not bound >= 0:
            raise InputError(f"--max-{name} {bound:g}: what may pass is a number of at least 0")
    return replace(Bounds(), **given) if given else None


def document(results: list[Parity]) -> dict[str, Any]:
    """The results as a versioned document, without the raw outputs of both networks."""
    return {
        "format": "posedeploy.parity",
        "version": 1,
        "machine": asdict(this_machine()),
        "results": [_entry(result) for result in results],
    }


def _entry(result: Parity) -> dict[str, Any]:
    poses = result.poses
    return {
        "label": result.label,
        "effective": asdict(result.effective),
        "input_specs": [asdict(tensor) for tensor in result.input_specs],
        "output_specs": [asdict(tensor) for tensor in result.output_specs],
        "bounds": asdict(result.bounds),
        "reference_precision": "fp32" if result.rounding is None else "f64",
        "rounding": result.rounding,
        "passed": result.passed,
        "failures": result.failures,
        "outputs": [
            {
                "name": output.name,
                "samples": output.samples,
                "max_absolute": output.max_absolute,
                "max_relative": output.max_relative,
                "cosine": output.cosine,
                "worst": asdict(output.worst),
            }
            for output in result.outputs
        ],
        "poses": poses
        and {
            "people": poses.people,
            "missed": poses.missed,
            "extra": poses.extra,
            "keypoints": poses.keypoints,
            "error_px": poses.error_px,
            "error_mm": poses.error_mm,
            "error_vertices_mm": poses.error_vertices_mm,
            "last_bits": poses.last_bits,
            "images": [
                asdict(image)
                | {
                    "distances_px": image.distances_px.tolist(),
                    "distances_mm": image.distances_mm.tolist(),
                    "distances_vertices_mm": image.distances_vertices_mm.tolist(),
                }
                for image in poses.images
            ],
        },
    }


def against_pytorch(
    artifact: Artifact, options: RunOptions, settings: ParityOptions, described: Described
) -> Parity:
    """One artifact beside its checkpoint in PyTorch, or, where rounding alone takes both over the bounds,
    beside that in float64."""
    with working(f"loading {artifact.path} and its checkpoint"):
        model = reference_model(artifact, settings.checkpoint, described)
        opened = open_runner(artifact, options, settings.runtime)
    with opened:
        spec = fitted(artifact, opened)
        candidate = adapt_runner(opened, spec)
        pairs = _pairs(model.spec, spec, settings.images, candidate.ranges)

        on_cpu = replace(options, device="CPU", precision="fp32")
        with pytorch_runner(model, on_cpu) as reference:
            decode = _decode(spec)

            def against(runner: Runner, bounds: Bounds) -> Parity:
                with counting(f"comparing {artifact.path.name}") as on_progress:
                    compared = compare(
                        str(artifact.path),
                        adapt_runner(runner, model.spec),
                        candidate,
                        pairs,
                        bounds=bounds,
                        decode=decode,
                        on_progress=on_progress,
                    )
                return replace(compared, input_specs=spec.inputs, output_specs=spec.outputs)

            result = against(reference, settings.bounds or Bounds())
            if result.passed or settings.bounds is not None or model.network is not None:
                return result
            # Where rounding weighs that much, PyTorch in float32 is no better a witness than the artifact.
            ours = [sample for sample, _ in pairs[: NOISE + DRAWN]]
            with pytorch_runner(in_float64(model), on_cpu) as exact:
                with counting("measuring how PyTorch rounds") as on_progress:
                    rounding = rounding_of(exact, reference, ours, on_progress)
                if not math.isfinite(rounding):
                    return result
                relative = max(result.bounds.relative, ROUNDINGS * rounding)
                held = against(exact, replace(result.bounds, relative=relative))
            return replace(held, rounding=rounding) if held.passed else result


def _decode(spec: ModelSpec) -> Decode | None:
    if spec.family not in FAMILIES or (spec.contract is None and spec.joints is None):
        return None
    if missing := undescribed(spec):
        say(f"outputs are compared and keypoints are not: {missing}")
        return None
    decode = plugins.load(f"{FAMILIES[spec.family].poses}:decode")
    return lambda outputs, placement: decode(outputs, spec, placement, Camera())


def _pairs(
    reference: ModelSpec,
    candidate: ModelSpec,
    images: Path | None,
    ranges: Ranges,
) -> list[tuple[Sample, Sample]]:
    """Every picture as the reference and as the candidate want it, inputs within these ranges."""
    if candidate.joints is not None:
        if images is not None:
            raise InputError(
                "--images: this network takes 2D joints, so no image can be given to it; leave it out"
            )
        samples = people_samples(candidate, DRAWN, ranges)
        return list(zip(samples, samples, strict=True))
    if candidate.contract is None:
        if images is not None:
            raise InputError(
                "--images: this network has no image contract, so no image can be given to it; leave it out"
            )
        sample = random_tensors(candidate)
        return [(sample, sample)]
    pairs: list[tuple[Sample, Sample]] = []
    for spec, named in _pictures(candidate, images, ranges):
        theirs = image_samples(spec, named)
        pairs += zip(image_samples(plain(reference, spec), named), theirs, strict=True)
    return pairs


def _pictures(
    candidate: ModelSpec, images: Path | None, ranges: Ranges
) -> list[tuple[ModelSpec, list[tuple[str, Array]]]]:
    """Noise and drawn people at the working size, at another one where axes are free, then the user's."""
    chosen = [sized(candidate, ranges=ranges)]
    if candidate.inputs[0].is_dynamic:
        chosen.append(resized(candidate, ranges))
    pictures = [
        (
            spec,
            [
                *((f"noise {index}", image) for index, image in enumerate(random_images(spec, NOISE))),
                *((f"drawn {index}", image) for index, image in enumerate(drawn_images(spec, DRAWN))),
            ],
        )
        for spec in chosen
    ]
    return pictures + ([(candidate, _read(images))] if images is not None else [])


def _read(images: Path) -> list[tuple[str, Array]]:
    """The user's images.

    Raises:
        InputError: none of them can be read.
    """
    source = open_images(images)
    read = [(frame.name, frame.image) for frame in source]
    if not read:
        raise InputError(f"--images {images}: {'; '.join(source.problems)}")
    for remark in source.remarks:
        say(remark)
    for problem in source.problems:
        warn(problem)
    return read
