"""The built-in sample: lightweight-openpose-2d, trained on synthetic people (``tools/train_sample.py``).

``sample.md`` in the same folder is its model card.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from posedeploy.checkpoints import lightweight_openpose_2d
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.types import Model, StageCount

WEIGHTS = Path(__file__).with_name("sample.safetensors")


def open_sample(stages: StageCount | None = None) -> Model:
    """Load the sample, its 16-bit weights in float32, with the same checks as any checkpoint.

    Raises:
        InputError: it has fewer refinement stages.
    """
    return replace(open_checkpoint(WEIGHTS, lightweight_openpose_2d.FAMILY, stages=stages), source=None)
