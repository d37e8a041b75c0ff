"""Small random model folders of the transformers library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

SIDED = ("Eye", "Ear", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
LABELS = ("Nose", *(f"{side}_{part}" for part in SIDED for side in "LR"))
"""COCO's keypoints, as the published folders of ViTPose spell them."""
PROCESSOR = {
    "do_affine_transform": True, "do_normalize": True, "do_rescale": True, "image_mean": [0.5, 0.4, 0.3],
    "image_processor_type": "VitPoseImageProcessor", "image_std": [0.2, 0.25, 0.5],
    "rescale_factor": 0.00392156862745098, "size": {"height": 64, "width": 48},
}  # fmt: skip


def write_vitpose(folder: Path, *, experts: int = 1, **config: Any) -> Path:
    """Write a folder of ViTPose with two layers for images of 64x48 px."""
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

    backbone = VitPoseBackboneConfig(
        image_size=[64, 48], patch_size=[16, 16], hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        mlp_ratio=2, out_indices=[2], num_experts=experts, part_features=8,
    )  # fmt: skip
    config = {"id2label": dict(enumerate(LABELS)), **config}
    return _write(folder, VitPoseForPoseEstimation, VitPoseConfig(backbone_config=backbone, **config))


def write_sapiens(folder: Path) -> Path:
    """Write a folder of Sapiens2 with two layers for images of 64x48 px."""
    from transformers import Sapiens2Config, Sapiens2ForPoseEstimation
    from transformers.models.sapiens2.configuration_sapiens2 import Sapiens2HeadConfig

    head = Sapiens2HeadConfig(upsample_out_channels=[16, 16], conv_out_channels=[16])
    config = Sapiens2Config(
        image_size=[64, 48], hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_register_tokens=2, head_config=head, id2label={index: f"point_{index}" for index in range(5)},
    )  # fmt: skip
    return _write(folder, Sapiens2ForPoseEstimation, config)


def _write(folder: Path, network_class: Any, config: Any) -> Path:
    """Save a network with random weights that are large enough for its outputs to differ."""
    torch.manual_seed(3)
    network = network_class(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.2)
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder


def change_json(path: Path, **values: Any) -> None:
    """Set fields of a JSON file; None removes one."""
    content = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
