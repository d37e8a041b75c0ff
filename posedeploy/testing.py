"""Parity as an assertion, for the tests of a project that deploys its own networks."""

from __future__ import annotations

import shlex
from typing import Any

from posedeploy.api.comparing import compare
from posedeploy.api.model_args import ArtifactSource
from posedeploy.benchmarks.parity import Parity
from posedeploy.types import StrPath


def assert_parity(artifact: ArtifactSource, images: StrPath | None = None, **options: Any) -> Parity:
    """Assert that the outputs and poses of an artifact are within tolerance of PyTorch on its checkpoint.

    Args:
        images: an image or a folder of images, in addition to the generated ones.
        options: the keyword arguments of ``posedeploy.compare``, such as ``device``, ``rtol`` or ``budget``.

    Returns:
        The comparison, with every difference.

    Raises:
        AssertionError: a difference exceeds its tolerance or the budget; the message lists them all.
        PoseDeployError: the artifact or its checkpoint cannot be opened or run.
    """
    (result,) = compare(artifact, images, **options).results
    if not result.passed:
        raise AssertionError(format_failures(result))
    return result


def format_failures(result: Parity) -> str:
    """Format the artifact, the runtime, the tolerance or budget and every difference, one per line."""
    info, tolerance = result.runtime_info, result.tolerance
    outputs = f"{tolerance.rtol:.0e} of an output's largest value"
    limits = f"tolerance: {outputs}, {tolerance.px:g} px, {tolerance.mm:g} mm"
    if result.budget is not None:
        limits = f"budget of the poses: {result.budget}"
    lines = [
        f"{result.label}: {result.verdict}",
        f"  ran: {info.runtime} {info.version}, {info.device}, {info.precision}",
        f"  {limits}",
        *(f"  - {failure}" for failure in result.failures),
        f"  details: posedeploy parity {shlex.quote(result.label)}",
    ]
    return "\n".join(lines)
