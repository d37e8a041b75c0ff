"""Choose how many of a checkpoint's refinement stages are used.

The published checkpoint of lightweight-openpose-2d holds three. According to its README, its converter, demo
and evaluation use one and discard the others.
"""

from __future__ import annotations

from dataclasses import replace

from posedeploy.checkpoints.lightweight_openpose_layers import count_stages
from posedeploy.checkpoints.reader import Checkpoint
from posedeploy.errors import InputError
from posedeploy.families import FAMILIES, Family
from posedeploy.printable import counted
from posedeploy.types import StageCount, Stages

DEFAULT_STAGES = 1


def select_stages(
    checkpoint: Checkpoint, family: Family, wanted: StageCount | None
) -> tuple[Checkpoint, Stages | None]:
    """Return the checkpoint without the tensors of unused stages, and the numbers of stages.

    Args:
        wanted: None for the published number, which is 1, or 0 if the checkpoint has none.

    Raises:
        InputError: the checkpoint has fewer stages than ``wanted``, or its family has no refinement stages.
    """
    if not family.stages:
        if wanted is not None:
            known = " and ".join(row.name for row in FAMILIES.values() if row.stages)
            raise InputError(
                f"`stages={wanted}`: {checkpoint.path} is {family.name}, and only {known} has optional "
                "refinement stages; leave `stages` out"
            )
        return checkpoint, None
    stored = count_stages(checkpoint.shapes)
    used = min(DEFAULT_STAGES, stored) if wanted is None else stored if wanted == "all" else wanted
    if not 0 <= used <= stored:
        raise InputError(
            f"`stages={wanted}`: {checkpoint.path} holds "
            f"{counted(stored, 'refinement stage')}; pass a number from 0 to {stored}, or all"
        )
    stages = Stages(used, stored)
    discarded = tuple(f"{module}." for module in stages.discarded)
    kept = {name: tensor for name, tensor in checkpoint.tensors.items() if not name.startswith(discarded)}
    return replace(checkpoint, tensors=kept), stages
