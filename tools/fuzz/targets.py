"""The table of fuzz targets: one for each reader of untrusted files, addresses and server responses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

ZIP = ("zip", "zip", "fields")
PICKLE = ("pickle", "pickle", "fields", "blocks")
BINARY = ("fields", "fields", "blocks")
TENSORS = ("safetensors", "safetensors", "fields")
PACKED = ("packed", "packed", "fields")
NPY = ("npy", "npy", "fields")
JSON = ("json", "json", "json", "tokens", "lines")
MANIFEST = ("manifest", "manifest", "manifest", "json", "tokens")
EMBEDDED = ("embedded", "embedded", "zip", "fields")
MANIFEST_SUFFIX = ".tflite.posedeploy.json"
TEXT = ("tokens", "tokens", "lines")
PICTURE: Mapping[str, Any] = {"memory_mib": 2600, "timeout_s": 20}
"""An image may have 2^28 px, which are 805 MB when decoded. Rotating and scaling it needs copies."""
NATIVE: Mapping[str, Any] = {"memory_mib": 1500, "timeout_s": 60, "share": 1.5}
"""A child process loads the model, which takes almost a second."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A reader, with its seeds, mutators and limits.

    read, seeds: functions of ``readers`` and ``seeds``, as ``module:name``. suffix: of the input file.
    mutators: names in ``MUTATORS``; a repeated name is used more often. memory_mib: the limit of the growth
    of the process's peak memory. timeout_s: the time after which an input counts as a hang. share: the weight
    of the target in the division of the time.
    """

    name: str
    read: str
    seeds: str
    suffix: str
    mutators: tuple[str, ...]
    memory_mib: int = 512
    timeout_s: int = 10
    share: float = 1.0

    @property
    def slug(self) -> str:
        """The name as used in file names."""
        return re.sub(r"\W+", "-", self.name).lower()


def load_object(name: str) -> Any:
    """Import the object of a reference ``module:name``."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


def _target(
    name: str, read: str, seeds: str, suffix: str, mutators: tuple[str, ...], limits: Mapping[str, Any] = {}
) -> Target:
    return Target(
        name=name,
        read=f"{__package__}.readers.{read}",
        seeds=f"{__package__}.seeds.{seeds}",
        suffix=suffix,
        mutators=mutators,
        **limits,
    )


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        _target("checkpoint: zip", "weights:checkpoint", "weights:zip_checkpoints", ".pth", ZIP),
        _target("checkpoint: known network", "weights:checkpoint", "weights:networks", ".pth", ZIP),
        _target("checkpoint: legacy", "weights:checkpoint", "weights:legacy_checkpoints", ".pth", PICKLE),
        _target("checkpoint: pickle", "weights:checkpoint", "weights:pickled_checkpoints", ".pth", PICKLE),
        _target("checkpoint: safetensors", "weights:checkpoint", "weights:safetensors", ".pth", TENSORS),
        _target("checkpoint: archives", "weights:checkpoint", "weights:archives", ".pth", PACKED),
        _target("torch2trt", "weights:torch2trt", "weights:torch2trt_files", ".pth", (*ZIP, "pickle")),
        _target("mesh: pkl", "weights:mesh", "weights:mesh_pickles", ".pkl", PICKLE),
        _target("mesh: npy", "weights:mesh", "weights:mesh_arrays", ".npy", NPY),
        _target("mesh: npz", "weights:mesh", "weights:mesh_archives", ".npz", ZIP),
        _target("mesh: obj", "weights:mesh", "weights:mesh_texts", ".obj", TEXT),
        _target("image: headers", "pictures:image_header", "pictures:images", ".img", BINARY),
        _target("image: all formats", "pictures:image", "pictures:images", ".img", BINARY, PICTURE),
        _target("image: PNG", "pictures:source", "pictures:pngs", ".png", ("png",), PICTURE),
        _target("image: TIFF", "pictures:source", "pictures:tiffs", ".tiff", BINARY, PICTURE),
        _target("image: HEIC", "pictures:image", "pictures:heic_images", ".heic", BINARY, PICTURE),
        _target("animation", "pictures:source", "pictures:animations", ".img", BINARY, PICTURE),
        _target("video", "pictures:source", "pictures:videos", ".mp4", BINARY, PICTURE),
        _target("joints: npy", "people:joints", "people:joints_arrays", ".npy", NPY),
        _target("joints: npz", "people:joints", "people:joints_archives", ".npz", ZIP),
        _target("joints: mat", "people:joints", "people:joints_matlab", ".mat", BINARY),
        _target("joints: tables", "people:joints", "people:joints_tables", ".csv", TEXT),
        _target("joints: JSON", "people:joints", "people:joints_documents", ".json", JSON),
        _target("boxes: JSON", "people:boxes", "people:boxes_documents", ".json", JSON),
        _target("boxes: tables", "people:boxes", "people:boxes_tables", ".csv", TEXT),
        _target("boxes: YOLO", "people:boxes", "people:boxes_labels", ".txt", TEXT),
        _target("boxes: VOC", "people:boxes", "people:boxes_xml", ".xml", TEXT),
        _target("boxes: npy", "people:boxes", "people:boxes_arrays", ".npy", NPY),
        _target("joints: folder", "people:joints_folder", "people:joints_documents", ".json", JSON),
        _target("boxes: folder", "people:boxes_folder", "people:boxes_labels", ".txt", TEXT),
        _target("boxes: classes", "people:classes", "people:classes", ".txt", TEXT),
        _target("COCO annotations", "people:coco_annotations", "people:coco_annotations", ".json", JSON),
        _target("extrinsics", "people:extrinsics", "people:extrinsics", ".json", JSON),
        _target("contract", "documents:contract", "documents:contract_files", ".toml", TEXT),
        _target("manifest", "documents:manifest_file", "documents:manifests", MANIFEST_SUFFIX, MANIFEST),
        _target(
            "manifest in TFLite", "documents:manifest_inside", "documents:lone_files", ".tflite", EMBEDDED
        ),
        _target("build details", "documents:build_details", "documents:build_details", ".json", JSON),
        _target("AOTI metadata", "documents:aoti_metadata", "documents:packages", ".pt2", ZIP),
        _target(
            "reference file", "documents:reference_file", "documents:reference_files", ".safetensors", TENSORS
        ),
        _target("certificate", "documents:certificate", "documents:certificates", ".json", JSON),
        _target("journal", "leftovers:journal", "documents:journals", ".json", JSON),
        _target("lock record", "leftovers:lock_record", "documents:lock_records", ".lock", JSON),
        _target("isolated environment", "documents:isolated_environment", "documents:markers", ".json", JSON),
        _target("download state", "network:download_state", "documents:download_states", ".json", JSON),
        _target("addresses", "network:address", "documents:addresses", ".txt", TEXT),
        _target("HTTP answers", "network:http_answer", "documents:answers", ".http", TEXT),
        _target("model: ONNX", "models:inspect", "models:onnx_models", ".onnx", BINARY, NATIVE),
        _target("model: OpenVINO", "models:inspect", "models:openvino_models", ".xml", TEXT, NATIVE),
        _target("model: TFLite", "models:inspect", "models:tflite_models", ".tflite", BINARY, NATIVE),
        _target(
            "model: TorchScript", "models:inspect", "models:torchscript_models", ".torchscript", ZIP, NATIVE
        ),
        _target("model: engine", "models:inspect", "models:engines", ".engine", BINARY, NATIVE),
    )
}
