"""Model repositories for OpenVINO Model Server."""

from __future__ import annotations

import json
from pathlib import Path

from posedeploy.bundles.options import VERSION, BundleOptions, check_ovms_target, device_of
from posedeploy.bundles.triton import copy_artifact
from posedeploy.errors import InputError
from posedeploy.types import Artifact

CONFIG = "config.json"


def write_repository(artifact: Artifact, name: str, options: BundleOptions, folder: Path) -> None:
    """Write ``config.json`` and the folder of the model with its version.

    The manifest lies next to the model, because OpenVINO Model Server reports no parameters of models.

    Raises:
        ExportError: OpenVINO Model Server does not run the target.
        InputError: the model would have the name of the config.
    """
    check_ovms_target(artifact)
    if name == CONFIG:
        raise InputError(f"`name={name}`: the name of the server's own config file; pass another one")
    version = folder / name / VERSION
    version.mkdir(parents=True)
    copy_artifact(artifact, version)
    config = {
        "name": name,
        "base_path": name,
        "target_device": device_of(artifact, options, "ovms"),
        "nireq": options.instances,
        "plugin_config": {"INFERENCE_PRECISION_HINT": "f32"} if artifact.precision == "fp32" else {},
    }
    document = {"model_config_list": [{"config": {key: value for key, value in config.items() if value}}]}
    (folder / CONFIG).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
