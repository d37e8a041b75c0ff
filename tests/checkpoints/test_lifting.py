"""Pose2Mesh and GTRS against the outputs of the published networks, their variants, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.checkpoints.pose2mesh import LifterNetwork
from posedeploy.errors import CheckpointError, InputError
from posedeploy.flatten import flat
from posedeploy.types import JointsContract
from tests.support.lifting import FACES, randomize_statistics, small_gtrs, small_pose2mesh, write
from tests.support.reference_cases import Case
from tests.support.torus import torus
from tools.published_networks import smpl_pose2mesh

TOLERANCE = 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pose2mesh-human36", "gtrs-human36"])
def test_outputs_equal_those_of_the_published_network(tmp_path: Path, reference: Path, name: str) -> None:
    case = Case(reference / "cases" / name)
    mesh = case.write_mesh(tmp_path / "faces.npy")
    model = open_checkpoint(case.write(tmp_path / "final.pth.tar"), mesh=mesh)
    assert model.spec.family == case.description["family"]
    assert sum(tensor.numel() for tensor in model.module.state_dict().values()) == case.description["values"]
    for run in case.description["runs"]:
        assert [output.name for output in model.spec.outputs] == list(run["outputs"])
        for module in (model.module, model.export_form or model.module):
            with torch.inference_mode():
                outputs = flat(module(torch.from_numpy(case.input(run))))
            for spec, output in zip(model.spec.outputs, outputs, strict=True):
                assert spec.fixed({"batch": len(output)}).shape == tuple(output.shape)
                assert case.distance(run, spec.name, output.numpy()) < TOLERANCE, (run["input"], spec.name)


NETWORKS = {
    "pose2mesh human36": (lambda: small_pose2mesh("human36"), "human36, 108 vertices"),
    "pose2mesh coco": (lambda: small_pose2mesh("coco"), "coco, 108 vertices"),
    "pose2mesh smpl": (lambda: small_pose2mesh("smpl"), "smpl, 108 vertices"),
    "pose2mesh mano": (lambda: small_pose2mesh("mano"), "mano, 108 vertices"),
    "pose2mesh lifter": (lambda: randomize_statistics(LifterNetwork(21, 8, stages=3)), "mano, joints alone"),
    "gtrs human36": (lambda: small_gtrs(17), "human36, 20 vertices"),
    "gtrs coco": (lambda: small_gtrs(19), "coco, 20 vertices"),
    "gtrs smpl": (lambda: small_gtrs(24), "smpl, 20 vertices"),
    "gtrs pose module": (lambda: small_gtrs(24).pose_PAM, "smpl, joints alone"),
}


@pytest.mark.parametrize("separator", [".", "/"])
def test_a_checkpoint_saved_in_parts_is_joined(tmp_path: Path, separator: str) -> None:
    network = small_gtrs(17)
    parts = {
        part: {name.replace(".", separator): tensor for name, tensor in module.state_dict().items()}
        for part, module in network.named_children()
    }
    torch.save({"model": parts, "epoch": 3}, tmp_path / "a.pth")
    model = open_checkpoint(tmp_path / "a.pth")
    assert model.spec.variant == "human36, 20 vertices"
    assert model.weights is not None
    assert (model.weights.key, model.weights.unused_keys, model.weights.alternatives) == (
        "model",
        ("epoch",),
        (),
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_variant_is_inferred_from_its_shapes(tmp_path: Path, name: str) -> None:
    make, variant = NETWORKS[name]
    network: nn.Module = make()
    path = write(network, tmp_path / "best.pth.tar")
    has_mesh = name.startswith("pose2mesh") and "vertices" in variant
    model = open_checkpoint(path, mesh=tmp_path / "faces.npy" if has_mesh else None)
    assert (model.spec.family, model.spec.variant) == (name.split()[0], variant)
    assert model.spec.joints is not None
    assert model.spec.joints.joint_set == variant.split(",")[0]
    assert (model.mesh is not None) == has_mesh == (model.mesh_sha256 is not None)
    joints = torch.randn(3, int(model.spec.inputs[0].shape[1]), 2, generator=torch.Generator().manual_seed(1))
    expected, actual = flat(network(joints)), flat(model.module(joints))
    for spec, ours, theirs in zip(model.spec.outputs, actual, expected, strict=True):
        assert torch.equal(ours, theirs)
        assert spec.fixed({"batch": 3}).shape == tuple(ours.shape)
    if model.export_form is not None:
        for ours, theirs in zip(flat(model.export_form(joints)), expected, strict=True):
            assert float((ours - theirs).abs().max() / theirs.abs().max()) < 1e-5


def test_a_batch_gives_each_person_the_same_as_alone() -> None:
    crowd = torch.randn(5, 17, 2, generator=torch.Generator().manual_seed(1))
    for network in (small_pose2mesh(), small_pose2mesh().export_form().eval(), small_gtrs()):
        for together, alone in zip(flat(network(crowd)), flat(network(crowd[2:3])), strict=True):
            assert torch.allclose(together[2:3], alone, atol=1e-5)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(small_pose2mesh(), tmp_path_factory.mktemp("pose2mesh") / "final.pth.tar")


def test_a_missing_mesh_is_an_error(checkpoint: Path) -> None:
    with pytest.raises(InputError, match=r"pass a file with them as `mesh`, such as smpl_faces\.npy"):
        open_checkpoint(checkpoint)


def test_the_error_about_another_mesh_shows_both_sizes(checkpoint: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "other.npy", torus(5, 8))
    with pytest.raises(
        InputError,
        match=r"other\.npy`: 40 vertices, \d+ after padding for the coarsening, but the "
        r"checkpoint was trained on a mesh with \d+ after padding; pass that mesh",
    ):
        open_checkpoint(checkpoint, mesh=tmp_path / "other.npy")


def test_a_mesh_for_a_network_that_has_none_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    mesh = checkpoint.with_name("faces.npy")
    with pytest.raises(InputError, match=r"`mesh=.*faces\.npy`: gtrs has no mesh; leave it"):
        open_checkpoint(write(small_gtrs(), tmp_path / "gtrs.pth"), mesh=mesh)
    with pytest.raises(
        InputError, match="this checkpoint is the lifter alone, which has no mesh; leave it out"
    ):
        open_checkpoint(write(randomize_statistics(LifterNetwork(17, 8)), tmp_path / "lifter.pth"), mesh=mesh)


@pytest.mark.parametrize("make", [lambda: small_gtrs(14), lambda: randomize_statistics(LifterNetwork(14, 8))])
def test_joints_of_an_unknown_set_are_numbered(tmp_path: Path, make: Callable[[], nn.Module]) -> None:
    spec = open_checkpoint(write(make(), tmp_path / "a.pth")).spec
    assert spec.joints == JointsContract("its own")
    assert (len(spec.keypoint_names), spec.keypoint_names[13], spec.skeleton) == (14, "joint_13", ())
    assert spec.variant.startswith("14 joints, ")


def test_a_mesh_network_on_an_unknown_number_of_joints_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    state = torch.load(checkpoint, weights_only=True)["model_state_dict"]
    state["pose_lifter.w1.weight"] = state["pose_lifter.w1.weight"][:, :28]
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(
        InputError,
        match=r"a network on 14 joints, and no joint set of pose2mesh has as many; the sets are human36 17, "
        ".* bones and left-right pairs of the joints, which the checkpoint does not hold",
    ):
        open_checkpoint(tmp_path / "a.pth", mesh=checkpoint.with_name("faces.npy"))


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (small_gtrs, "pose_MRM.norm.bias", r"1 missing: pose_MRM\.norm\.bias"),
        (small_pose2mesh, "pose2mesh.cl.3.weight", r"checkpoint without pose2mesh\.cl\.3\.weight: cut off"),
        (small_pose2mesh, "pose2mesh.fc.weight", r"checkpoint without pose2mesh\.fc\.weight: cut off"),
        (small_pose2mesh, "pose2mesh.bn.0.bias", r"1 missing: pose2mesh\.bn\.0\.bias"),
    ],
)
def test_a_missing_tensor_is_named(
    tmp_path: Path, make: Callable[[], nn.Module], name: str, message: str
) -> None:
    torch.save({n: t for n, t in make().state_dict().items() if n != name}, tmp_path / "a.pth")
    np.save(tmp_path / "faces.npy", FACES)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(tmp_path / "a.pth", mesh=tmp_path / "faces.npy" if make is small_pose2mesh else None)


def test_the_same_triangles_have_one_hash_whatever_the_file(checkpoint: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "faces.npz", faces=FACES.astype(np.uint32))
    hashes = {
        open_checkpoint(checkpoint, mesh=path).mesh_sha256
        for path in (checkpoint.with_name("faces.npy"), tmp_path / "faces.npz")
    }
    assert len(hashes) == 1


@pytest.mark.slow
def test_the_exported_form_at_smpl_s_size_is_not_much_larger_than_the_checkpoint() -> None:
    network = smpl_pose2mesh()
    exported = network.export_form()
    sizes = [
        sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        for tensors in ({*exported.parameters(), *exported.buffers()}, network.state_dict().values())
    ]
    assert sizes[0] < 1.2 * sizes[1]
