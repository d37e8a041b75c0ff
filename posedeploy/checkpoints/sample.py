"""The built-in sample: lightweight-openpose-2d, trained on drawn people (``tools/train_sample.py``).

``sample.md`` beside the weights is its model card.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from posedeploy.checkpoints import lightweight_openpose_2d
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.types import Model, StageCount

WEIGHTS = Path(__file__).with_name("sample.safetensors")


def open_sample(stages: StageCount | None = None) -> Model:
    """The sample as a model: its 16-bit weights in float32, read and checked as any checkpoint is.

    Raises:
        InputError: it has not so many refinement stages.
    """
    return replace(open_checkpoint(WEIGHTS, lightweight_openpose_2d.FAMILY, stages=stages), source=None)
