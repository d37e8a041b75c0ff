from __future__ import annotations

import sys
import traceback
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from posedeploy import files
from posedeploy.checkpoints.user_network import open_user_network
from posedeploy.errors import CheckpointError, InputError, NetworkError
from posedeploy.poses.preprocess import prepare
from posedeploy.types import ModelSpec, TensorSpec

FILE = """
from torch import nn
from posedeploy.types import ModelSpec, TensorSpec

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.maps = nn.Conv2d(3, 5, 8, 8)

    def forward(self, data):
        return self.maps(data)

def build():
    return Net()

def build_with_spec():
    spec = ModelSpec("mine", "v1", (TensorSpec("data", (1, 3, 16, 24)),), (TensorSpec("maps", ()),))
    return Net(), spec

def wrong():
    return "a network"

def wrong_pair():
    return Net(), {"family": "mine"}

def failing():
    raise ZeroDivisionError("in the user's own file")

def fold(network, eps=1e-3):
    pass

def nothing():
    Net()

class Sized(Net):
    def __init__(self, inputs, *, outputs):
        super().__init__()

number = 3
"""

TOML = """
variant = "mine"

[input]
shape = ["batch", 3, "height", "width"]
height = 32
width = 40
mean = [0.0, 0.0, 0.0]
std = [255.0, 255.0, 255.0]

[outputs]
heatmaps = "my_maps"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a checkpoint, the file that builds its network, and its contract."""
    (tmp_path / "net.py").write_text(FILE)
    (tmp_path / "net.toml").write_text(TOML)
    weights = {"maps.weight": torch.rand(5, 3, 8, 8), "maps.bias": torch.rand(5)}
    torch.save(weights, tmp_path / "net.pth")
    return tmp_path


def test_a_function_may_return_the_module_alone_with_its_contract_in_a_file(folder: Path) -> None:
    model = open_user_network(folder / "net.pth", f"{folder}/net.py:build")
    assert model.network == f"{folder}/net.py:build"
    assert model.network_sha256 == files.sha256(folder / "net.py")
    assert model.spec.variant == "mine"
    assert model.spec.outputs == (TensorSpec("my_maps", ("batch", 5, "height/8", "width/8")),)
    assert model.spec.roles == {"heatmaps": "my_maps"}
    assert not model.module.training
    saved = torch.load(folder / "net.pth", weights_only=True)
    assert torch.equal(model.module.state_dict()["maps.weight"], saved["maps.weight"])


def test_a_function_may_return_the_module_and_its_spec(folder: Path) -> None:
    (folder / "net.toml").unlink()
    model = open_user_network(folder / "net.pth", f"{folder}/net.py:build_with_spec")
    assert isinstance(model.spec, ModelSpec)
    assert model.spec.inputs[0].shape == (1, 3, 16, 24)
    assert model.spec.outputs[0].shape == (1, 5, 2, 3)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("net.py", "expected FILE.py:FUNCTION"),
        ("net.txt:build", "expected FILE.py:FUNCTION"),
        ("net.py:", "expected FILE.py:FUNCTION"),
        ("other.py:build", "there is no file .*other.py"),
        ("net.py:assemble", "no function assemble; define it"),
        ("net.py:number", "number is of type int, expected a function without arguments that returns the"),
        ("net.py:fold", "the function fold needs arguments .network., expected a function without arguments"),
        (
            "net.py:Sized",
            "the class Sized needs arguments .inputs, outputs., expected .*or write one that calls Sized",
        ),
        ("net.py:nothing", "expected an nn.Module, .*, got NoneType; return the network from the function"),
        ("net.py:wrong", "expected an nn.Module, or an nn.Module and its ModelSpec, got str"),
        ("net.py:wrong_pair", "expected an nn.Module, or an nn.Module and its ModelSpec, got tuple"),
    ],
)
def test_a_bad_function_or_result_is_an_error(folder: Path, network: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        open_user_network(folder / "net.pth", f"{folder}/{network}")


def test_a_module_without_a_contract_is_an_error(folder: Path) -> None:
    (folder / "net.toml").unlink()
    with pytest.raises(
        NetworkError, match=r"returned a module without a ModelSpec, and .*net\.toml does not exist; return"
    ):
        open_user_network(folder / "net.pth", f"{folder}/net.py:build")


def test_a_contract_of_other_fields_is_refused(folder: Path) -> None:
    (folder / "net.toml").write_text("familly = 'x'")
    with pytest.raises(InputError, match=r"net\.toml: not a contract: .*familly"):
        open_user_network(folder / "net.pth", f"{folder}/net.py:build")


def test_a_contract_with_another_number_of_outputs_is_an_error(folder: Path) -> None:
    (folder / "net.toml").write_text(TOML + 'pafs = "my_pafs"\n')
    with pytest.raises(NetworkError, match=r"returns 1 output, and .*net\.toml names 2: my_maps, my_pafs"):
        open_user_network(folder / "net.pth", f"{folder}/net.py:build")


def test_a_role_for_an_unknown_output_is_an_error(folder: Path) -> None:
    source = FILE.replace('(TensorSpec("maps", ()),))', '(TensorSpec("maps", ()),), roles={"pafs": "none"})')
    (folder / "net.py").write_text(source)
    with pytest.raises(
        NetworkError, match="the role 'pafs' names the output 'none', and the outputs are maps; name one"
    ):
        open_user_network(folder / "net.pth", f"{folder}/net.py:build_with_spec")


def test_duplicate_output_names_are_an_error(folder: Path) -> None:
    (folder / "net.toml").write_text(TOML + 'pafs = "my_maps"\n')
    with pytest.raises(NetworkError, match="duplicate tensor names data, my_maps, my_maps; name each"):
        open_user_network(folder / "net.pth", f"{folder}/net.py:build")


def test_a_scale_for_float_outputs_is_an_error(folder: Path) -> None:
    (folder / "net.toml").write_text(TOML.replace('heatmaps = "my_maps"', "[outputs.my_maps]\nscale = 0.1"))
    with pytest.raises(InputError, match=r"net\.toml: my_maps has a scale and is float32, expected uint8"):
        open_user_network(folder / "net.pth", f"{folder}/net.py:build")


def test_an_exception_of_the_file_is_named_with_its_line(folder: Path) -> None:
    line = FILE.splitlines().index('    raise ZeroDivisionError("in the user\'s own file")') + 1
    with pytest.raises(
        NetworkError,
        match=rf"net\.py, line {line}: failing cannot build the network: ZeroDivisionError: in the user's "
        "own file; correct the file",
    ) as raised:
        open_user_network(folder / "net.pth", f"{folder}/net.py:failing")
    cause = raised.value.__cause__
    assert isinstance(cause, ZeroDivisionError)
    assert "net.py" in traceback.extract_tb(cause.__traceback__)[-1].filename


def test_a_file_that_is_not_python_is_an_error(folder: Path) -> None:
    (folder / "net.py").write_text("def build(:\n")
    with pytest.raises(NetworkError, match=r"net\.py: build cannot build the network: SyntaxError: .*line 1"):
        open_user_network(folder / "net.pth", f"{folder}/net.py:build")


def test_a_file_that_ends_the_program_is_an_error(folder: Path) -> None:
    (folder / "leaving.py").write_text("import sys\n\ndef build():\n    sys.exit(0)\n")
    with pytest.raises(
        NetworkError, match=r"leaving\.py: the file ended the program \(0\); build must return"
    ):
        open_user_network(folder / "net.pth", f"{folder}/leaving.py:build")


def test_weights_are_loaded_strictly(folder: Path) -> None:
    torch.save({"maps.weight": torch.rand(5, 3, 8, 8)}, folder / "net.pth")
    with pytest.raises(CheckpointError, match=r"1 missing: maps\.bias\. .*net\.py must build a network"):
        open_user_network(folder / "net.pth", f"{folder}/net.py:build")


def test_the_file_runs_only_after_the_checkpoint_is_checked(folder: Path) -> None:
    (folder / "net.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n" + FILE)
    (folder / "net.pth").write_bytes(b"")
    with pytest.raises(CheckpointError, match="empty"):
        open_user_network(folder / "net.pth", f"{folder}/net.py:build")
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("photo", ["one-person", "skiers"])
def test_the_example_with_trained_weights_gives_the_published_maps(real: Path, photo: str) -> None:
    example = Path(__file__).parents[2] / "examples" / "human_pose_estimation_0001.py"
    model = open_user_network(real / "human-pose-estimation-0001.pth", f"{example}:build")
    assert model.spec.roles == {"heatmaps": "Mconv7_stage2_L2", "pafs": "Mconv7_stage2_L1"}
    image = cv2.imread(str(real / f"{photo}.jpg"))
    assert image is not None
    tensors, _ = prepare(image, model.spec)
    golden = np.load(real / f"{photo}.npz")
    with torch.inference_mode():
        outputs = model.module(torch.from_numpy(tensors["data"]))
    for spec, output in zip(model.spec.outputs, outputs, strict=True):
        role = "heatmaps" if spec.name.endswith("L2") else "pafs"
        expected = golden[role].reshape(output.shape)
        assert np.abs(output.numpy() - expected).max() < 1e-5 * np.abs(expected).max()


def test_the_file_may_import_from_its_folder_and_the_import_path_is_restored(folder: Path) -> None:
    (folder / "net.py").write_text(
        "import beside_this_network\n"
        + FILE.replace("    return Net()\n", "    import beside_later\n    return Net()\n", 1)
    )
    for name in ("beside_this_network", "beside_later"):
        (folder / f"{name}.py").touch()
    before = list(sys.path)
    open_user_network(folder / "net.pth", f"{folder}/net.py:build")
    assert sys.path == before


def test_the_hash_is_of_the_code_that_ran(folder: Path) -> None:
    """Neither a later change of the file nor older cached bytecode matters."""
    source = folder / "net.py"
    before = files.sha256(source)
    with source.open("a") as stream:
        stream.write(
            "\n\ndef build_once():\n    with open(__file__, 'a') as file:\n        file.write('#')\n"
        )
        stream.write("    return build()\n")
    ran = files.sha256(source)
    model = open_user_network(folder / "net.pth", f"{source}:build_once")
    assert model.network_sha256 == ran not in (before, files.sha256(source))
