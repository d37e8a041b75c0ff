"""Model folders of the transformers library."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from posedeploy import plugins
from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.errors import CheckpointError, InputError, MissingPackageError
from posedeploy.families import poses_of
from posedeploy.poses.preprocess import prepare
from posedeploy.types import Array, Camera, ModelSpec
from tests.support.model_folders import PROCESSOR, change_json, write_sapiens, write_vitpose

BOX = np.array([30.0, 20.0, 90.0, 140.0])
IMAGE = np.random.default_rng(4).integers(0, 256, (200, 180, 3), np.uint8)


@pytest.fixture(scope="module")
def vitpose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vitpose(tmp_path_factory.mktemp("hub") / "vitpose-tiny")


@pytest.fixture(scope="module")
def spec(vitpose: Path) -> ModelSpec:
    return load_checkpoint(vitpose).spec


@pytest.fixture
def folder(vitpose: Path, tmp_path: Path) -> Path:
    """A copy of the folder, to be damaged."""
    return Path(shutil.copytree(vitpose, tmp_path / "damaged"))


def make_maps() -> Array:
    """Return (1, 17, 16, 12) heatmaps with peaks anywhere, also at the border, on noise."""
    random = np.random.default_rng(7)
    columns, rows = np.arange(12), np.arange(16)[:, None]
    x, y = random.uniform((0, 0), (11, 15), (17, 2)).T[:, :, None, None]
    peaks = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4)
    return (0.9 * peaks + random.uniform(0.01, 0.02, (17, 16, 12)))[None].astype(np.float32)


def decode(spec: ModelSpec, maps: Array) -> Array:
    """Return (keypoints, 3) of the person in the box."""
    _, placement = prepare(IMAGE, spec, BOX)
    poses = poses_of("heatmap").decode({"heatmaps": maps}, spec, placement, Camera())
    return poses.keypoints[0]


def test_the_configuration_describes_the_network(spec: ModelSpec) -> None:
    contract = spec.contract
    assert contract is not None
    assert (contract.height, contract.width, contract.fit, contract.margin) == (64, 48, "affine-udp", 1.25)
    np.testing.assert_allclose(contract.mean, (127.5, 102.0, 76.5))
    np.testing.assert_allclose(contract.std, (51.0, 63.75, 127.5))
    assert (spec.family, spec.variant) == ("heatmap", "vitpose-tiny")
    assert spec.keypoint_names[5] == "l_shoulder"
    assert len(spec.skeleton) == 19
    assert spec.outputs[0].shape == ("batch", 17, 16, 12)


def test_poses_are_those_of_the_library(spec: ModelSpec) -> None:
    from transformers.models.vitpose.image_processing_pil_vitpose import VitPoseImageProcessorPil
    from transformers.models.vitpose.modeling_vitpose import VitPoseEstimatorOutput

    processor = VitPoseImageProcessorPil(**{**PROCESSOR, "image_processor_type": None})
    maps = make_maps()
    outputs = VitPoseEstimatorOutput(heatmaps=torch.from_numpy(maps))
    (expected,) = processor.post_process_pose_estimation(outputs, boxes=[[BOX.tolist()]])[0]
    actual = decode(spec, maps)
    np.testing.assert_allclose(actual[:, :2], expected["keypoints"].numpy(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(actual[:, 2], expected["scores"].numpy(), rtol=1e-6)


def test_the_input_is_that_of_the_library(spec: ModelSpec) -> None:
    from transformers.models.vitpose.image_processing_pil_vitpose import VitPoseImageProcessorPil

    image = np.repeat(np.linspace(0, 255, 180, dtype=np.uint8)[None], 200, axis=0)[..., None].repeat(
        3, axis=2
    )
    processor = VitPoseImageProcessorPil(**{**PROCESSOR, "image_processor_type": None})
    expected = processor.preprocess(image, boxes=[[BOX.tolist()]], return_tensors="np")["pixel_values"]
    actual = prepare(image, spec, BOX)[0]["pixel_values"]
    assert np.abs(actual - expected).max() < 2.5 / 51  # both round pixel values to integers


def test_outputs_are_those_of_the_library(vitpose: Path) -> None:
    from transformers import VitPoseForPoseEstimation

    network = VitPoseForPoseEstimation.from_pretrained(vitpose, local_files_only=True).eval()
    image = torch.randn(2, 3, 64, 48)
    with torch.inference_mode():
        assert torch.equal(load_checkpoint(vitpose).module(image), network(pixel_values=image).heatmaps)


def test_a_mixture_of_experts_uses_that_of_coco(tmp_path: Path) -> None:
    from transformers import VitPoseForPoseEstimation

    path = write_vitpose(tmp_path / "plus", experts=3)
    network = VitPoseForPoseEstimation.from_pretrained(path, local_files_only=True).eval()
    image = torch.randn(2, 3, 64, 48)
    with torch.inference_mode():
        expected = network(pixel_values=image, dataset_index=torch.tensor([0, 0])).heatmaps
        other = network(pixel_values=image, dataset_index=torch.tensor([1, 1])).heatmaps
        actual = load_checkpoint(path).module(image)
    torch.testing.assert_close(actual, expected)
    assert not torch.allclose(actual, other)


def test_a_folder_of_sapiens_is_read(tmp_path: Path) -> None:
    spec = load_checkpoint(write_sapiens(tmp_path / "sapiens2-0.1b")).spec
    assert spec.variant == "sapiens2-0.1b"
    assert spec.keypoint_names == ("point_0", "point_1", "point_2", "point_3", "point_4")
    assert spec.decoding["border"] == "zeros"


def split_weights(folder: Path) -> None:
    """Replace the weights by two files and their index."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    head = {name for name in tensors if name.startswith("head")}
    names = {name: f"model-0000{1 + (name in head)}-of-00002.safetensors" for name in tensors}
    for file in set(names.values()):
        save_file({name: tensors[name] for name in tensors if names[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))


def pickle_weights(folder: Path) -> None:
    """Replace the weights by those that older versions of the library wrote."""
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize("change", [split_weights, pickle_weights])
def test_weights_in_other_files_are_read(vitpose: Path, folder: Path, change: Callable[[Path], None]) -> None:
    change(folder)
    image = torch.randn(1, 3, 64, 48)
    assert torch.equal(load_checkpoint(folder).module(image), load_checkpoint(vitpose).module(image))


@pytest.mark.parametrize("names", [None, ["LABEL_0", "LABEL_1"]])
def test_a_configuration_without_labels_has_the_set_of_the_number(
    folder: Path, names: list[str] | None
) -> None:
    generic = None if names is None else {str(index): f"LABEL_{index}" for index in range(17)}
    change_json(folder / "config.json", id2label=generic)
    assert load_checkpoint(folder).spec.keypoint_names[0] == "nose"


def test_labels_of_no_set_are_the_names_with_the_edges_as_bones(tmp_path: Path) -> None:
    labels = {0: "tip", 1: "middle", 2: "base"}
    path = write_vitpose(tmp_path / "own", id2label=labels, edges=[[0, 1], [1, 2]])
    spec = load_checkpoint(path).spec
    assert (spec.keypoint_names, spec.skeleton) == (("tip", "middle", "base"), ((0, 1), (1, 2)))


def test_labels_cannot_control_the_terminal(tmp_path: Path) -> None:
    labels = {0: "tip\x1b[2J", 1: "middle\u202e", 2: "base"}
    spec = load_checkpoint(write_vitpose(tmp_path / "own", id2label=labels)).spec
    assert all(name.isprintable() for name in spec.keypoint_names)
    assert spec.keypoint_names[0].startswith("tip")


def remove_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def remove_shard(folder: Path) -> None:
    split_weights(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def truncate_weights(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def escape_folder(folder: Path) -> None:
    split_weights(folder)
    table = {"head.conv.weight": "../model.safetensors"}
    change_json(folder / "model.safetensors.index.json", weight_map=table)


def write_config(content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "config.json").write_text(content)


def configure(**values: object) -> Callable[[Path], None]:
    return lambda folder: change_json(folder / "config.json", **values)


def process(**values: object) -> Callable[[Path], None]:
    return lambda folder: change_json(folder / "preprocessor_config.json", **values)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no weights": (remove_weights, "no weights; expected model.safetensors or pytorch_model.bin"),
    "a missing shard": (remove_shard, r"its file model-00002-of-00002.safetensors is missing; download"),
    "a shard elsewhere": (escape_folder, "weight_map names ../model.safetensors; expected files in the same"),
    "truncated weights": (truncate_weights, "model.safetensors: damaged safetensors file"),
    "a missing tensor": (
        lambda folder: change_weights(folder, lambda tensors: tensors.pop("head.conv.bias")),
        "do not fit VitPoseForPoseEstimation of config.json. 1 missing: head.conv.bias. Download the folder",
    ),
    "another shape": (
        lambda folder: change_weights(
            folder, lambda tensors: tensors.update({"head.conv.bias": torch.zeros(3)})
        ),
        "1 of another shape: head.conv.bias 3, expected 17",
    ),
    "an extra tensor": (
        lambda folder: change_weights(folder, lambda tensors: tensors.update(extra=torch.zeros(3))),
        "1 unexpected: extra",
    ),
    "NaN": (
        lambda folder: change_weights(folder, lambda tensors: tensors["head.conv.bias"].fill_(np.nan)),
        "NaN or infinite weights in network.head.conv.bias|NaN or infinite weights in head.conv.bias",
    ),
    "integers": (
        lambda folder: change_weights(
            folder, lambda tensors: tensors.update({"head.conv.bias": torch.ones(17, dtype=torch.int8)})
        ),
        r"no floating-point numbers in head\.conv\.bias; pass a folder with",
    ),
    "no JSON": (write_config("{"), "config.json: .*; download the model again"),
    "no object": (write_config("[]"), "config.json: .*; download the model again"),
    "another model": (
        configure(model_type="superpoint", architectures=["SuperPointForKeypointDetection"]),
        "the network is SuperPointForKeypointDetection; supported networks of transformers: "
        "VitPoseForPoseEstimation, Sapiens2ForPoseEstimation. Pass another network as `network=",
    ),
    "the backbone alone": (configure(architectures=["VitPoseBackbone"]), "the network is VitPoseBackbone;"),
    "a backbone from elsewhere": (configure(backbone="resnet50"), "the backbone is resnet50; expected a"),
    "an invalid value": (
        configure(backbone_config={"model_type": "vitpose_backbone", "hidden_size": "large"}),
        "transformers cannot build VitPoseForPoseEstimation",
    ),
    "too few labels": (configure(id2label={"0": "nose"}), "head.conv.bias 17, expected 1"),
    "another size": (
        process(size={"height": 256, "width": 192}),
        "creates images of 256x192 px, and the network",
    ),
    "a size in words": (process(size={"height": "tall"}), "expected a height and a width in px"),
    "no crop": (process(do_affine_transform=False), "do_affine_transform = false"),
    "a std of 0": (process(image_std=[0, 1, 1]), "image_std .0, 1, 1.; expected"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_refused(folder: Path, damage: str) -> None:
    change, message = DAMAGES[damage]
    change(folder)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


def test_the_name_of_a_model_on_the_hub_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        CheckpointError, match="hf download usyd-community/vitpose-base --local-dir vitpose-base"
    ):
        load_checkpoint("usyd-community/vitpose-base")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", "the configuration of a model; pass its folder, .*vitpose-tiny$"),
        ("model.safetensors", r"unknown network .*\. For a model of transformers, pass its folder, .*tiny$"),
    ],
)
def test_a_file_of_a_folder_is_refused_with_the_folder(vitpose: Path, name: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(vitpose / name)


def test_options_that_describe_a_checkpoint_are_refused(vitpose: Path) -> None:
    with pytest.raises(InputError, match=r"`family=heatmap`: .* describes its network in its config.json"):
        load_checkpoint(vitpose, family="heatmap")


def test_the_extra_is_named_if_the_library_is_missing(vitpose: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(plugins.sys.modules, "posedeploy.checkpoints.hugging_face.network", raising=False)
    monkeypatch.setitem(plugins.sys.modules, "transformers", None)
    with pytest.raises(MissingPackageError, match=r"the package transformers, .*posedeploy\[transformers\]"):
        load_checkpoint(vitpose)
