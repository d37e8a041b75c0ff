"""Networks on 2D joints on the command line: export with a mesh, inspect, parity and bench."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.commands.conftest import Invoke, words
from tests.support.lifting import small_gtrs, small_pose2mesh, write
from tests.support.torus import torus

TARGETS = ("--to", "torchscript", "--to", "onnx", "--to", "openvino")
SUFFIXES = (".torchscript", ".onnx", ".xml")


@pytest.fixture(scope="module")
def lifting(three_branches: None, tmp_path_factory: pytest.TempPathFactory, done: Invoke) -> Path:
    """Both networks as every target in ``out``, for any number of people; do not change the files."""
    folder = tmp_path_factory.mktemp("lifting")
    write(small_pose2mesh(), folder / "body.pth.tar")
    write(small_gtrs(), folder / "gtrs.pth.tar")
    mesh = ("--mesh", folder / "faces.npy")
    done("export", folder / "body.pth.tar", *mesh, *TARGETS, "--dynamic", "-o", folder / "out")
    done("export", folder / "gtrs.pth.tar", *TARGETS, "--dynamic", "-o", folder / "out")
    return folder


@pytest.mark.parametrize("name", ["body", "gtrs"])
def test_parity_compares_joints_and_vertices_in_mm(lifting: Path, done: Invoke, name: str) -> None:
    paths = [lifting / "out" / f"{name}{suffix}" for suffix in SUFFIXES]
    result = done("parity", *paths, "--threads", 1, "--json", "p.json", columns=200)
    text = words(result.stdout)
    assert words(text).count("within tolerance of PyTorch") == 3
    assert text.count("18 people matched, 0 missed, 0 extra") == 3
    assert text.count("mm in 3D") == text.count("mm on the mesh") == 3
    document = json.loads(Path("p.json").read_text())
    poses = document["results"][0]["poses"]
    assert 0 <= poses["error_mm"] < 0.1
    assert 0 <= poses["error_vertices_mm"] < 0.1
    assert len(poses["images"][0]["distances_vertices_mm"]) == (108 if name == "body" else 20)


def test_a_fixed_batch_is_compared_and_timed(lifting: Path, done: Invoke) -> None:
    mesh = ("--mesh", lifting / "faces.npy")
    done("export", lifting / "body.pth.tar", *mesh, "--to", "onnx", "--batch", 3, "-o", "fixed")
    result = done("parity", "fixed/body.onnx", "--threads", 1, columns=200)
    assert "within tolerance of PyTorch" in words(result.stdout)
    done(
        "bench",
        "fixed/body.onnx",
        lifting / "out" / "gtrs.onnx",
        "--threads",
        1,
        "--runs",
        2,
        "--json",
        "b.json",
    )
    results = json.loads(Path("b.json").read_text())["results"]
    assert len(results) == 4


def test_the_graph_has_no_sparse_operators_and_no_dense_laplacian(lifting: Path) -> None:
    graph = onnx.load(lifting / "out" / "body.onnx").graph
    assert {node.domain for node in graph.node} == {""}
    assert (108, 108) not in {tuple(tensor.dims[-2:]) for tensor in graph.initializer}


def test_the_mesh_is_named_in_the_manifest_and_by_inspect(lifting: Path, done: Invoke) -> None:
    manifest = json.loads((lifting / "out" / "body.onnx.posedeploy.json").read_text())
    assert manifest["provenance"]["mesh"] == str(lifting / "faces.npy")
    assert len(manifest["provenance"]["mesh_sha256"]) == 64
    assert manifest["spec"]["joints"] == {"joint_set": "human36", "aspect": 0.75, "margin": 1.0}
    shown = words(done("inspect", lifting / "out" / "body.onnx", columns=300).stdout)
    assert "2D joints of human36, normalized per person" in shown
    assert f"mesh {lifting / 'faces.npy'}" in shown
    shown = words(
        done("inspect", lifting / "body.pth.tar", "--mesh", lifting / "faces.npy", columns=300).stdout
    )
    assert "human36, 108 vertices" in shown


def test_a_moved_mesh_is_found_next_to_the_artifact_or_required(
    lifting: Path, done: Invoke, refused: Callable[..., str]
) -> None:
    shutil.copytree(lifting, "all")
    exported = Path("all/body.onnx")
    done("export", "all/body.pth.tar", "--mesh", "all/faces.npy", "--to", "onnx", "-o", "all")
    Path("all/faces.npy").rename("all/moved.npy")
    assert refused("parity", exported).endswith(
        f"neither at {Path('all/faces.npy').resolve()} nor in the artifact's folder; "
        "pass its path with --mesh"
    )
    moved = ("parity", exported, "--mesh", "all/moved.npy", "--threads", 1, "--budget")
    assert "--budget: the 2D keypoints of pose2mesh are its inputs; give a budget in mm" in refused(
        *moved, "1px"
    )
    done(*moved, "0.5mm", "--json", "p.json")
    (result,) = json.loads(Path("p.json").read_text())["results"]
    assert result["budget"]["mm"] == 0.5
    assert list(result["paired"]["measures"]) == ["joint_mm", "mpjpe_mm", "pa_mpjpe_mm", "vertex_mm"]
    np.save("all/other.npy", torus(12, 9, seed=3))
    assert "but the checkpoint was trained on a mesh with" in refused(
        "parity", exported, "--mesh", "all/other.npy"
    ) or ("not the triangles that" in refused("parity", exported, "--mesh", "all/other.npy"))


def test_bad_input_is_one_line(lifting: Path, refused: Callable[..., str]) -> None:
    body, faces = lifting / "body.pth.tar", lifting / "faces.npy"
    assert "pass a file with them as --mesh, such as smpl_faces.npy" in refused("export", body)
    assert refused("export", lifting / "gtrs.pth.tar", "--mesh", faces).endswith("has no mesh; leave it out")
    assert (
        refused("export", "--mesh", faces)
        == "error: --family, --network, --mesh and --weights describe a checkpoint file, and the built-in "
        "sample needs none of them; pass a file, or leave them out"
    )
    assert "none.obj: no such file; pass a file of triangles for --mesh" in refused(
        "export", body, "--mesh", "none.obj"
    )
    message = refused("parity", lifting / "out" / "body.onnx", "--images", ".")
    assert message == "error: --images .: this network takes 2D joints; leave it out"
    message = refused("export", body, "--mesh", faces, "--input-size", "8x8")
    assert "--input-size: the input shape of this network is fixed (pose2d float32 batchx17x2)" in message
