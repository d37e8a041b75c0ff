"""How many of a checkpoint's refinement stages the network is built with.

The published checkpoint of lightweight-openpose-2d holds three; its converter, demo and evaluation build the
network with one and discard the others (its README).
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
    """Return the checkpoint without the tensors of the stages that are not used, and how many are.

    Args:
        wanted: None for the published number, 1, or as many as there are where the checkpoint has none.

    Raises:
        InputError: the checkpoint has fewer stages than ``wanted``, or its family has none to leave out.
    """
    if not family.stages:
        if wanted is not None:
            known = " and ".join(row.name for row in FAMILIES.values() if row.stages)
            raise InputError(
                f"`stages={wanted}`: {checkpoint.path} is {family.name}, and only {known} has refinement "
                "stages that can be left out; remove the option"
            )
        return checkpoint, None
    stored = count_stages(checkpoint.shapes)
    used = min(DEFAULT_STAGES, stored) if wanted is None else stored if wanted == "all" else wanted
    if not 0 <= used <= stored:
        raise InputError(
            f"`stages={wanted}`: {checkpoint.path} holds "
            f"{counted(stored, 'refinement stage')}; give a number from 0 to {stored}, or all"
        )
    stages = Stages(used, stored)
    discarded = tuple(f"{module}." for module in stages.discarded)
    kept = {name: tensor for name, tensor in checkpoint.tensors.items() if not name.startswith(discarded)}
    return replace(checkpoint, tensors=kept), stages
