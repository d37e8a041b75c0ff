"""Seeds of manifests, contracts, details of compiled code, markers, addresses and server responses."""

from __future__ import annotations

import inspect
import json
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from posedeploy import contracts, files, manifest, native_code
from posedeploy.aoti_package.build import PackageBuild, to_details
from posedeploy.api.certificate.document import digest_of
from posedeploy.benchmarks.reference_file import ReferenceDocument, StoredInput
from posedeploy.benchmarks.reference_writing import write_reference
from posedeploy.checkpoints.partial_file import Version
from posedeploy.staging.file_lock import Holder
from posedeploy.tensorrt.build_info import to_details as engine_details
from posedeploy.types import Artifact, ModelSpec, TensorSpec
from tests.support.manifests import PROVENANCE, SPEC
from tests.support.networks import outputs_of, tiny_image, tiny_model
from tests.tensorrt.test_build_info import INFO

CERTIFIED_RESULT = {
    "label": "a.onnx",
    "passed": True,
    "tolerance": {"rtol": 1e-4, "px": 0.1, "mm": 1.0},
    "outputs": [{"name": "heatmaps", "max_relative": 1e-5, "max_relative_tolerance": 1e-4}],
    "poses": {"error_px": 0.02, "error_mm": None},
    "budget": {"px": 1.5, "oks": 0.99, "unmatched_percent": 2.0},
    "paired": {"unmatched_share": 0.01, "measures": {"px": {"p95": {"value": 0.5}}, "oks": {"p95": {}}}},
    "failures": ["a"],
}
"""A result in a certificate, with the fields that verify reads."""
BODY = b"\x80\x02}q\x00(X\x02\x00\x00\x00abNu."
URL = "https://a.example/a.pth"
MODEL = b"flatbuffer" * 50
INPUTS = (TensorSpec("data", (1, 3, 256, 456)),)
OUTPUTS = tuple(
    TensorSpec(name, (1, channels, 32, 57))
    for name, channels in (("Mconv7_stage2_L2", 19), ("Mconv7_stage2_L1", 38))
)
EXAMPLES = Path(__file__).parents[3] / "examples"


def sample_spec() -> ModelSpec:
    """Return the spec of a published network with part affinity fields."""
    spec = contracts.family_defaults("lightweight-openpose-2d")
    return contracts.apply_contract(spec, INPUTS, OUTPUTS, "the sample")


def certificates() -> list[bytes]:
    """Return a certificate whose files do not exist, and one without results."""
    return [_certificate([CERTIFIED_RESULT]), _certificate([])]


def _certificate(results: list[Any]) -> bytes:
    content = {
        "format": "posedeploy.certificate",
        "version": 1,
        "created": "2026-01-01T00:00:00+00:00",
        "passed": True,
        "verdict": "a.onnx is within tolerance of PyTorch in fp32",
        "code": {"release": "0.1.0", "sha256": "0" * 64},
        "packages": {"numpy": "2.0"},
        "arguments": {"device": "cpu", "images": "photos", "budget": ["1px"], "threads": None, "rtol": 0.1},
        "files": [
            {"role": "artifact", "path": "a.onnx", "name": "a.onnx", "files": {"a.onnx": "1" * 64}},
            {"role": "image", "path": "photos/a.jpg", "name": "a.jpg", "sha256": "2" * 64},
            {"role": "mesh", "path": "faces.npy", "sha256": "3" * 64},
        ],
        "parity": {"results": results, "errors": {}, "machine": {"cpu": "a"}},
        "histograms": [{"px": {"edges": [0, 1, None], "counts": [1, 2]}}],
    }
    return json.dumps({**content, "sha256": digest_of(content)}).encode()


def reference_files() -> list[bytes]:
    """Return reference files of a network on images and of one on joints, with one small input each."""
    tiny = tiny_model()
    image = np.zeros((32, 40, 3), np.uint8)
    tensors = tiny_image()
    on_images = StoredInput("image", tensors, outputs_of(tiny, tensors), image=image)
    joints = StoredInput("people", tensors, outputs_of(tiny, tensors), joints=np.zeros((1, 17, 3)))
    return [_reference_file(tiny.spec, stored) for stored in (on_images, joints)]


def _reference_file(spec: ModelSpec, stored: StoredInput) -> bytes:
    document = ReferenceDocument(
        spec=spec, checkpoint="a.pth", checkpoint_sha256="0" * 64, precision="fp32", packages={}, created=""
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.safetensors"
        write_reference(path, document, [stored])
        return path.read_bytes()


def manifests() -> list[bytes]:
    """Return manifests of ``MODEL``, with few and with many fields."""
    return [_manifest("net.tflite", "tflite", SPEC), _manifest("net.tflite", "tflite", sample_spec())]


def _artifact(folder: Path, name: str, target: str, spec: ModelSpec) -> Artifact:
    (folder / name).write_bytes(MODEL)
    return Artifact(
        folder / name,
        target,
        spec,
        "fp32",
        {name: files.sha256(folder / name)},
        PROVENANCE,
        {"layout": "nhwc"},
    )


def _manifest(name: str, target: str, spec: ModelSpec) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        artifact = _artifact(Path(folder), name, target, spec)
        manifest.write(artifact, Path(folder))
        return manifest.path_of(artifact.path).read_bytes()


def lone_files() -> list[bytes]:
    """Return TFLite files with an embedded manifest."""
    with tempfile.TemporaryDirectory() as folder:
        artifact = _artifact(Path(folder), "net.tflite", "tflite", SPEC)
        manifest.write_inside(artifact, Path(folder))
        return [artifact.path.read_bytes(), MODEL]


def contract_files() -> list[bytes]:
    """Return the contracts of the examples and of the documentation, and one with keypoints only."""
    documentation = inspect.getdoc(contracts) or ""
    names = ", ".join(f'"k{number}"' for number in range(18))
    limbs = ", ".join(f"[{number % 17}, {number % 17 + 1}]" for number in range(19))
    return [
        *(path.read_bytes() for path in sorted(EXAMPLES.glob("*.toml"))),
        inspect.cleandoc(documentation.partition("::\n")[2]).encode(),
        f"keypoint_names = [{names}]\nskeleton = [{limbs}]\n".encode(),
    ]


def build_details() -> list[bytes]:
    """Return the details of an engine, of an AOTInductor package and of compiled code in manifests."""
    build = to_details(PackageBuild(((1, 3, 256, 456),), "c++ 12", {"GLIBCXX": (3, 4, 30)}))
    documents = (engine_details(INFO), build, native_code.requirement_details("cpu"))
    return [msgspec.json.encode(document) for document in documents]


def packages() -> list[bytes]:
    """Return a package of compiled code that needs symbols of libstdc++."""
    import io
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(
            "data/aotinductor/model/a.so", b"\x7fELF" + bytes(20) + b"GLIBCXX_3.4.30\0CXXABI_1.3.13\0"
        )
        archive.writestr("version", b"1")
    return [stream.getvalue()]


def markers() -> list[bytes]:
    """Return the marker of an isolated environment."""
    document = {
        "requirements_sha256": "0" * 64,
        "python": "3.11",
        "packages": {"onnx2tf": "1.2"},
        "format": "posedeploy.environment",
        "version": 1,
    }
    return [msgspec.json.encode(document)]


def addresses() -> list[bytes]:
    """Return addresses of streams and of files."""
    return [
        b"rtsp://user:secret@camera:554/1",
        b"https://a.example/weights/a.pth?x=1",
        b"file:///a%20b.mp4",
        b"a.mp4",
        b"http://[::1]:80/a.pth",
        b"ftp://a.example/b",
    ]


def download_states() -> list[bytes]:
    """Return states of a partly downloaded file."""
    return [msgspec.json.encode(Version(URL, '"first"', len(BODY)))]


def answers() -> list[bytes]:
    """Return server responses: whole files, parts, errors, redirects, and truncated ones."""
    head = b'HTTP/1.1 %s\r\nContent-Type: application/octet-stream\r\nETag: "first"\r\n'
    return [
        head % b"200 OK" + b"Content-Length: 16\r\n\r\n" + BODY,
        head % b"206 Partial Content"
        + b"Content-Range: bytes 8-15/16\r\nContent-Length: 8\r\n\r\n"
        + BODY[8:],
        head % b"416 Range Not Satisfiable" + b"Content-Range: bytes */8\r\nContent-Length: 0\r\n\r\n",
        head % b"404 Not Found" + b"Content-Length: 0\r\n\r\n",
        head % b"302 Found" + b"Location: http://127.0.0.1:9/a.pth\r\nContent-Length: 0\r\n\r\n",
        head % b"200 OK" + b"Transfer-Encoding: chunked\r\n\r\n10\r\n" + BODY + b"\r\n0\r\n\r\n",
        head % b"200 OK" + b"Content-Encoding: gzip\r\nContent-Length: 16\r\n\r\n" + BODY,
        head % b"204 No Content" + b"\r\n",
    ]


def lock_records() -> list[bytes]:
    """Return records of the holder of a lock."""
    return [msgspec.json.encode(Holder(1, "posedeploy export", "a", "12:00:00"))]


def journals() -> list[bytes]:
    """Return journals of files that are in place, are being replaced, and are being removed."""
    entry = {"name": b"a.xml", "replaces": True, "identity": [1, 2, 3]}
    other = {"name": b"a.bin", "replaces": False, "identity": [1, 2, 3]}
    moved = {"name": b"moved.xml", "replaces": False, "identity": [1, 2, 3]}
    return [
        msgspec.json.encode({"entries": [moved], "removed": [b"a.bin"]}),
        msgspec.json.encode({"entries": [entry, other], "removed": []}),
        msgspec.json.encode({"entries": [entry], "removed": [b"a.bin"]}),
    ]
