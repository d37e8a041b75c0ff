"""``predict`` with lifting networks, whose 2D joints are from a detector or a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from posedeploy.api.mesh_faces import load_faces
from posedeploy.checkpoints import pose_hg_3d
from posedeploy.console.option_names import with_options
from posedeploy.errors import InputError
from posedeploy.types import Array, Artifact, Provenance
from tests.commands.conftest import Invoke, fill, words
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, write_image
from tests.predict.lifters import lifter_spec
from tests.support.bodies import synthetic_people
from tests.support.lifting import small_gtrs, small_pose2mesh, write


@pytest.fixture(scope="module")
def lifters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints ``body``, ``gtrs`` and ``smpl`` (24 joints); do not change the files."""
    folder = tmp_path_factory.mktemp("lifters")
    write(small_pose2mesh(), folder / "body.pth.tar")
    write(small_gtrs(), folder / "gtrs.pth.tar")
    write(small_gtrs(24), folder / "smpl.pth.tar")
    return folder


@pytest.fixture(autouse=True)
def picture(photo: Array, tmp_path: Path) -> Path:
    """``photo.png`` and ``joints.npy`` in the working folder."""
    np.save(tmp_path / "joints.npy", synthetic_people("human36", 2) * (WIDTH / 640, HEIGHT / 480))
    return write_image(tmp_path / "photo.png", photo)


def document() -> Any:
    return json.loads(Path("poses/poses.json").read_text())


def test_detected_people_are_lifted(lifters: Path, human: Path, done: Invoke) -> None:
    detector = human / "out" / "human.onnx"
    result = done("predict", lifters / "gtrs.pth.tar", "photo.png", "--detector", detector)
    found = document()
    left_out = [remark for remark in found.get("remarks", ()) if "is left out" in remark]
    assert len(found["annotations"]) + len(left_out) == PEOPLE
    assert (found["source"]["joints"], found["source"]["kind"]) == ("human.onnx", "images")
    assert found["source"]["detector"]["family"] == "lightweight-openpose-2d"
    for remark in found.get("remarks", ()):
        assert words(result.stderr).count(with_options(remark)) == 1
    assert cv2.imread("poses/photo.jpg").shape == (HEIGHT, 2 * WIDTH, 3)


def test_joints_from_a_file_are_lifted(lifters: Path, done: Invoke) -> None:
    result = done("predict", lifters / "gtrs.pth.tar", "joints.npy")
    assert "2 people in 1 image" in result.stdout
    assert document()["source"]["joints"] == "joints.npy"
    assert Path("poses/joints.jpg").is_file()


def test_joints_of_other_tools_are_lifted(lifters: Path, done: Invoke, refused: Callable[..., str]) -> None:
    gtrs = lifters / "gtrs.pth.tar"
    np.save("coco.npy", synthetic_people("coco-17", 2))
    message = refused("predict", gtrs, "coco.npy")
    assert "coco.npy: the joints are not in the order of human36: " in message
    assert message.endswith("They fit coco-17; add --joints coco-17")
    result = done("predict", gtrs, "coco.npy", "--joints", "coco")
    assert "coco.npy: the joints of coco-17 are mapped to those of human36" in words(result.stderr)
    missing = synthetic_people("human36", 1, scored=True)
    missing[0, 5] = 0
    np.save("missing.npy", missing)
    result = done("predict", gtrs, "missing.npy")
    assert "0 people in 1 image" in result.stdout
    assert "missing.npy: person 0 is left out: l_knee missing" in words(result.stderr)


def test_a_sequence_of_one_person_is_smoothed(
    lifters: Path, done: Invoke, refused: Callable[..., str]
) -> None:
    gtrs = lifters / "gtrs.pth.tar"
    np.save("walk.npy", np.stack([synthetic_people("human36", 1)[0] + step for step in range(5)]))
    result = done("predict", gtrs, "walk.npy", "--sequence", "--fps", 10)
    assert "5 people in 5 images" in result.stdout
    found = document()
    assert (found["source"]["fps"], found["source"]["smoothed"]) == (10, True)
    assert [image["time_s"] for image in found["images"]] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert {person["track_id"] for person in found["annotations"]} == {0}
    assert Path("poses/walk.mp4").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("walk.npy", "--fps", 10), "--fps 10: walk.npy is not read as a sequence; add --sequence"),
        (("photo.png", "--sequence"), "--sequence: photo.png is not a file of 2D joints; leave it out"),
        (("walk.npy", "--joints-key", "a"), "--joints-key a: walk.npy has a single array without a name"),
        (
            ("walk.npy", "--joints", "dog"),
            "--joints dog: walk.npy: unknown joint set 'dog'; the sets are",
        ),
    ],
)
def test_options_that_do_not_fit_the_source_are_refused(
    arguments: tuple[object, ...], message: str, lifters: Path, refused: Callable[..., str]
) -> None:
    gtrs = lifters / "gtrs.pth.tar"
    np.save("walk.npy", np.stack([synthetic_people("human36", 1)[0]] * 5))
    assert message in refused("predict", gtrs, *arguments)


def test_a_mesh_of_another_network_is_refused(
    lifters: Path, done: Invoke, refused: Callable[..., str]
) -> None:
    body, gtrs, faces = lifters / "body.pth.tar", lifters / "gtrs.pth.tar", lifters / "faces.npy"
    done("predict", body, "joints.npy", "--mesh", faces, "--mesh-format", "glb")
    assert Path("poses/joints.person1.glb").read_bytes().startswith(b"glTF")
    message = refused("predict", body, "joints.npy", "--mesh", faces, "--mesh-format", "stl")
    assert message == "error: --mesh-format stl: expected obj or glb"
    assert refused("predict", gtrs, "joints.npy", "--mesh", faces).endswith(
        "a mesh of 108 vertices, but gtrs.pth.tar has 20; use the mesh that the network was trained on"
    )
    np.save("fan.npy", [(0, corner, corner + 1) for corner in range(1, 19)])
    done("predict", gtrs, "joints.npy", "--mesh", "fan.npy", "-o", "drawn")
    assert Path("drawn/joints.person0.obj").read_text().count("\nf ") == 18


def test_the_mesh_of_the_manifest_is_used_if_it_exists(lifters: Path, done: Invoke) -> None:
    for name in ("body.pth.tar", "faces.npy"):
        shutil.copy(lifters / name, name)
    done("export", "body.pth.tar", "--mesh", "faces.npy", "--to", "torchscript", "-o", "out")
    done("predict", "out/body.torchscript", "joints.npy")
    assert Path("poses/joints.person1.obj").is_file()
    Path("faces.npy").unlink()
    changes = {
        "faces.npy: no such file; body.torchscript was exported with this mesh": lambda: None,
        "its triangles changed since body.torchscript was exported": lambda: np.save("faces.npy", turned),
        "faces.npy: damaged": lambda: Path("faces.npy").write_bytes(b"\x93NUMPY"),
    }
    turned = np.load(lifters / "faces.npy")[::-1]
    for remark, change in changes.items():
        change()
        result = done("predict", "out/body.torchscript", "joints.npy", "-o", "without")
        assert remark in words(result.stderr)
        assert "no mesh is drawn or written" in words(result.stderr)
        assert not list(Path("without").glob("*.obj"))


def test_triangles_of_another_mesh_are_refused(lifters: Path) -> None:
    faces = lifters / "faces.npy"
    artifact = Artifact(Path("gtrs.onnx"), "onnx", lifter_spec(vertices=20), "fp32")
    with pytest.raises(InputError, match=r"a mesh of 108 vertices, but gtrs\.onnx has 20; use"):
        load_faces(faces, artifact)
    with pytest.raises(InputError, match=r"gtrs \(human36, joints alone\) has no mesh; leave it out"):
        load_faces(faces, replace(artifact, spec=lifter_spec()))
    fitting = replace(artifact, spec=lifter_spec(vertices=108))
    found = load_faces(faces, fitting)
    assert found is not None and found.shape == (216, 3)
    recorded = Provenance("body.pth", "", mesh="smpl.npy", mesh_sha256="0" * 64)
    with pytest.raises(
        InputError, match=r"not the triangles that gtrs\.onnx was exported with; use the .* of smpl.npy"
    ):
        load_faces(faces, replace(fitting, provenance=recorded))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("{gtrs}", "photo.png"),
            "gtrs takes the 2D joints of people, not images; add a model that detects them in phot",
        ),
        (
            ("{gtrs}", "photo.png", "--detector", "{smpl}"),
            "smpl.pth.tar: gtrs takes 2D joints, not images, so it cannot detect people; use",
        ),
        (
            ("{gtrs}", "photo.png", "--detector", "{lifters}/body.pth.tar"),
            "body.pth.tar: pose2mesh takes 2D joints, not images, so it cannot detect",
        ),
        (
            ("{gtrs}", "photo.png", "--boxes", "boxes.json"),
            "--boxes: gtrs takes the 2D joints of people, not boxes",
        ),
        (
            ("{gtrs}", "joints.npy", "--detector", "{gtrs}"),
            "--detector: gtrs takes the 2D joints of people, joints.npy contains them",
        ),
        (
            ("{gtrs}", "joints.npy", "--fx", 700),
            "--fx: gtrs returns positions relative to each person's pelvis",
        ),
        (
            ("{smpl}", "joints.npy"),
            "17 joints per person, as in human36, coco-17, posetrack17 and 3dhp17; this",
        ),
        (
            ("{gtrs}", "deep.npy"),
            "deep.npy: the score in the third column is 1000; expected x px, y px and a score of",
        ),
        (("{gtrs}", "none.npy"), "none.npy: no such file; pass a file of 2D joints"),
    ],
)
def test_bad_input_is_refused(
    arguments: tuple[object, ...], message: str, lifters: Path, refused: Callable[..., str]
) -> None:
    gtrs, smpl = lifters / "gtrs.pth.tar", lifters / "smpl.pth.tar"
    Path("boxes.json").write_text("[[10, 20, 100, 180]]")
    np.save("deep.npy", np.pad(np.load("joints.npy"), ((0, 0), (0, 0), (0, 1)), constant_values=1000))
    arguments = fill(arguments, gtrs=gtrs, smpl=smpl, lifters=lifters)
    assert message in refused("predict", *arguments), arguments
    assert not list(Path("poses").glob("*"))


@pytest.fixture(scope="module")
def undescribed(lifters: Path, done: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``gtrs`` as an ONNX file without a manifest."""
    folder = tmp_path_factory.mktemp("undescribed")
    done("export", lifters / "gtrs.pth.tar", "--to", "onnx", "-o", folder)
    (folder / "gtrs.onnx.posedeploy.json").unlink()
    return folder / "gtrs.onnx"


@pytest.mark.parametrize(
    "arguments", [("joints.npy",), ("photo.png", "--detector", "sample"), ("photo.png",)]
)
def test_a_network_without_its_manifest_must_be_described(
    undescribed: Path, refused: Callable[..., str], arguments: tuple[str, ...]
) -> None:
    message = refused("predict", undescribed, *arguments)
    assert "cannot decode poses: the family 'unknown' of the network is unknown" in message


def test_a_network_without_its_manifest_is_described_by_its_family(undescribed: Path, done: Invoke) -> None:
    assert "2 people" in done("predict", undescribed, "joints.npy", "--family", "gtrs").stdout


def test_a_source_that_does_not_fit_the_network_is_refused(
    lifters: Path, human: Path, refused: Callable[..., str]
) -> None:
    detector = human / "out" / "human.onnx"
    message = refused("predict", lifters / "smpl.pth.tar", "photo.png", "--detector", detector)
    assert "the joints of smpl cannot be computed from a detector's 18 keypoints" in message
    message = refused("predict", detector, "joints.npy")
    assert "joints.npy: a file of joints, but lightweight-openpose-2d takes images; use an image" in message


def test_a_third_party_detector_can_be_described(
    lifters: Path, human: Path, done: Invoke, refused: Callable[..., str], tmp_path: Path
) -> None:
    shutil.copy(human / "out" / "human.onnx", "others.onnx")
    Path("others.toml").write_text('family = "lightweight-openpose-2d"\n')
    chain = ("predict", lifters / "gtrs.pth.tar", "photo.png", "--detector", "others.onnx")
    assert words(refused(*chain)) == (
        "error: --detector others.onnx: cannot decode poses: the family 'unknown' of the network is "
        "unknown; describe it with --detector-spec FILE (docs/third-party-models.md)"
    )
    done(*chain, "--detector-spec", "others.toml")
    assert document()["source"]["detector"]["family"] == "lightweight-openpose-2d"
    assert document()["origin"] == "root"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--detector-spec", "others.toml"), "describes a --detector; add --detector"),
        (
            ("--detector", "sample", "--detector-spec", "others.toml"),
            "others.toml: no keypoints to add to the model",
        ),
        (
            ("--detector", "{human}/human.pth"),
            "This argument cannot be passed for a detector; export the detector with it, and pass the "
            "exported file as --detector.",
        ),
        (("--detector", "gone.pth"), "error: gone.pth: no such file; pass a checkpoint file"),
    ],
)
def test_an_unusable_detector_is_refused(
    arguments: tuple[object, ...], message: str, lifters: Path, human: Path, refused: Callable[..., str]
) -> None:
    shutil.copy(human / "out" / "human.onnx", "others.onnx")
    Path("others.toml").write_text('family = "lightweight-openpose-2d"\n')
    gtrs = lifters / "gtrs.pth.tar"
    arguments = fill(arguments, human=human)
    assert message in words(refused("predict", gtrs, "photo.png", *arguments))


def test_a_detector_of_one_person_uses_the_whole_image(lifters: Path, done: Invoke, tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = pose_hg_3d.PoseHg3d(pose_hg_3d.BasicBlock, (1, 1, 1, 1), 8, {"hm": 17})
    torch.save(network.state_dict(), tmp_path / "one.pth")
    result = done("predict", lifters / "gtrs.pth.tar", "photo.png", "--detector", tmp_path / "one.pth")
    message = (
        "one.pth: pose-hg-3d takes one person at a time; the whole image is used as the box of one person"
    )
    assert message in words(result.stderr)
