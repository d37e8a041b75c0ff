"""The table of the pose networks in the transformers library that posedeploy opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posedeploy.errors import MisfitError
from posedeploy.printable import printable

CONFIG_NAME = "config.json"


@dataclass(frozen=True)
class Architecture:
    """A pose network of the library.

    model_type: as in ``config.json``. network, configuration: its classes. parts: the classes of the tables
    in ``config.json``. size_of: the table with the image size; "" for the whole file. fixes_size: the network
    takes only that size. decoding: the options of ``heatmap`` that equal the post-processing of its image
    processor.
    """

    model_type: str
    network: str
    configuration: str
    parts: Mapping[str, str]
    size_of: str
    fixes_size: bool
    decoding: Mapping[str, Any]


ARCHITECTURES = {
    row.model_type: row
    for row in (
        Architecture(
            "vitpose",
            network="VitPoseForPoseEstimation",
            configuration="VitPoseConfig",
            parts={"backbone_config": "VitPoseBackboneConfig"},
            size_of="backbone_config",
            fixes_size=True,
            decoding={"refinement": "dark", "udp": True, "kernel": 11, "sigma": 0.8, "border": "reflect"},
        ),
        Architecture(
            "sapiens2",
            network="Sapiens2ForPoseEstimation",
            configuration="Sapiens2Config",
            parts={"head_config": "Sapiens2HeadConfig"},
            size_of="",
            fixes_size=False,
            decoding={"refinement": "dark", "udp": True, "kernel": 11, "border": "zeros"},
        ),
    )
}


def architecture_of(config: Mapping[str, Any], folder: Path) -> Architecture:
    """Return the row of a configuration.

    Raises:
        MisfitError: it describes another network, or one whose backbone the library would download.
    """
    kind, names = config.get("model_type"), config.get("architectures")
    row = ARCHITECTURES.get(kind) if isinstance(kind, str) else None
    written = names if isinstance(names, list) and names else None
    if row is None or (written is not None and row.network not in written):
        name = printable(str(written[0] if written else kind))
        raise MisfitError(
            f"{folder / CONFIG_NAME}: the network is {name}; supported networks of transformers: "
            f"{', '.join(row.network for row in ARCHITECTURES.values())}. Pass another network as "
            "`network=FILE.py:FUNCTION`, with its weights file as the checkpoint"
        )
    if config.get("quantization_config") is not None:
        raise MisfitError(
            f"{folder / CONFIG_NAME}: the weights are quantized (quantization_config); pass a folder with "
            "weights in floating point, and reduce the precision with `precision` of the export"
        )
    _check_backbone(row, config, folder)
    return row


def _check_backbone(row: Architecture, config: Mapping[str, Any], folder: Path) -> None:
    """Refuse backbones of other kinds, which the library takes from other packages or downloads."""
    if row.size_of != "backbone_config":
        return
    backbone = config.get("backbone_config") or {}
    kind = backbone.get("model_type", "vitpose_backbone") if isinstance(backbone, dict) else backbone
    if config.get("backbone") is not None or kind != "vitpose_backbone":
        name = printable(str(config.get("backbone") or kind))
        raise MisfitError(
            f"{folder / CONFIG_NAME}: the backbone is {name}; expected a backbone_config of the type "
            "vitpose_backbone, because transformers loads other backbones from outside the folder"
        )
