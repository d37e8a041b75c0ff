"""The InferenceService of KServe that serves a model repository of Triton."""

from __future__ import annotations

import json
from pathlib import Path

from posedeploy.bundles.options import BundleOptions, device_of
from posedeploy.types import Artifact

SERVICE = "inference-service.yaml"
REPOSITORY = "models"
"""The folder whose content belongs at the storage URI."""
_GPU = """\
      resources:
        limits:
          nvidia.com/gpu: "1"
"""


def write_service(
    artifact: Artifact, name: str, storage_uri: str, options: BundleOptions, folder: Path
) -> None:
    """Write the InferenceService. Strings are quoted as in JSON, which is valid in YAML."""
    uses_gpu = device_of(artifact, options, "kserve") == "KIND_GPU"
    text = f"""\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {json.dumps(name)}
  annotations:
    posedeploy/sha256: {json.dumps(artifact.files[artifact.path.name])}
spec:
  predictor:
    model:
      modelFormat:
        name: triton
      protocolVersion: v2
      runtime: kserve-tritonserver
      storageUri: {json.dumps(storage_uri)}
"""
    (folder / SERVICE).write_text(text + (_GPU if uses_gpu else ""), encoding="utf-8")
