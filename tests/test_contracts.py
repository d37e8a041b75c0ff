from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import pytest

from posedeploy import contracts
from posedeploy.contract_document import UNKNOWN
from posedeploy.errors import InputError
from posedeploy.families import FAMILIES
from posedeploy.types import InputContract, TensorSpec

DATA = (TensorSpec("data", (1, 3, 256, 456)),)
MAPS = tuple(
    TensorSpec(name, (1, 1))
    for name in ("stage_0_heatmaps", "stage_0_pafs", "stage_1_heatmaps", "stage_1_pafs")
)


def _write(folder: Path, text: str) -> Path:
    (folder / "net.toml").write_text(text)
    return folder / "net.toml"


def test_the_example_in_the_docstring_is_a_contract(tmp_path: Path) -> None:
    documentation = inspect.getdoc(contracts)
    assert documentation is not None
    spec = contracts.read(_write(tmp_path, documentation.partition("::\n")[2]))
    assert spec.family == "lightweight-openpose-2d"
    assert spec.variant == "human-pose-estimation-0001"
    assert spec.inputs == (TensorSpec("data", (1, 3, "height", "width"), "float32", "NCHW"),)
    assert spec.roles == {"heatmaps": "Mconv7_stage2_L2", "pafs": "Mconv7_stage2_L1"}
    assert [output.name for output in spec.outputs] == ["Mconv7_stage2_L2", "Mconv7_stage2_L1"]
    assert spec.contract is not None
    assert spec.contract.embedded == ("normalization",)
    assert spec.contract.mean == (128.0, 128.0, 128.0)
    assert len(spec.keypoint_names) == 18


def test_every_example_network_has_a_contract() -> None:
    examples = Path(__file__).parents[1] / "examples"
    read = {path.stem: contracts.read(path).contract for path in examples.glob("*.toml")}
    assert read.keys() == {path.stem for path in examples.glob("*.py")} != set()
    assert None not in read.values()


def test_a_contract_without_a_family_has_its_own_image_and_keypoints(tmp_path: Path) -> None:
    spec = contracts.read(
        _write(
            tmp_path,
            """
            keypoint_names = ["head", "tail"]
            skeleton = [[0, 1]]
            [input]
            height = 64
            width = 96
            mean = [1, 2, 3]
            std = [4, 5, 6]
            color_order = "RGB"
            fit = "crop"
            multiple = 32
            """,
        )
    )
    assert (spec.family, spec.variant) == (UNKNOWN, "net")
    assert spec.contract == InputContract(64, 96, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), "RGB", "crop", 32)
    assert (spec.keypoint_names, spec.skeleton) == (("head", "tail"), ((0, 1),))


def test_a_contract_may_be_empty(tmp_path: Path) -> None:
    spec = contracts.read(_write(tmp_path, ""))
    assert spec.contract is None
    assert spec.inputs[0].shape == ("batch", 3, "height", "width")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("family = ", "not a contract: "),
        ("famly = 'x'", "not a contract: .*famly"),
        ("[input]\ncolor_order = 'GRB'", "not a contract: .*GRB"),
        ("[input]\ndtype = 'float31'", "not a contract: .*float31"),
        ("[input]\nmean = [1, 2]", "not a contract: .*length 3"),
        (
            "[input]\nmean = [1, 2, 3]",
            r"\[input\] has mean; without a known family it also needs height, width",
        ),
        ("[input]\nheight = 0\nwidth = 8\nmean = [0, 0, 0]\nstd = [1, 1, 1]", "height"),
        ("[input]\nheight = 8\nwidth = 8\nmean = [0, 0, 0]\nstd = [1, 0, 1]", "std"),
        ("family = 'lightweight-openpose-2d'\n[input]\nmultiple = 0", "multiple"),
    ],
)
def test_an_invalid_contract_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"net\.toml: .*{message}") as refusal:
        contracts.read(_write(tmp_path, text))
    assert "\n" not in str(refusal.value)


_FIX = (
    r"net\.toml: \[input\]: the std \[{found}\] is for pixel values from 0 to 1, expected mean and std for "
    r"0 to 255; write {fix}\. .* embedded = \[\"normalization\"\] without mean and std"
)


@pytest.mark.parametrize("head", ["", "family = 'lightweight-openpose-2d'", "family = 'mobile-human-pose'"])
@pytest.mark.parametrize(
    ("values", "found", "fix"),
    [
        (
            "mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.226]",
            "0.229, 0.224, 0.226",
            r"mean = \[123.675, 116.28, 103.53\] and std = \[58.395, 57.12, 57.63\]",
        ),
        (
            "mean = [0, 0, 0]\nstd = [1, 1, 1]",
            "1, 1, 1",
            r"mean = \[0, 0, 0\] and std = \[255, 255, 255\]",
        ),
        (
            "mean = [127.5, 127.5, 127.5]\nstd = [0.5, 0.5, 0.5]",
            "0.5, 0.5, 0.5",
            r"std = \[127.5, 127.5, 127.5\]",
        ),
    ],
    ids=["ImageNet", "only scaled", "mixed"],
)
def test_the_error_about_a_std_for_0_to_1_has_the_fix(
    tmp_path: Path, head: str, values: str, found: str, fix: str
) -> None:
    text = f"{head}\n[input]\nheight = 64\nwidth = 64\n{values}"
    with pytest.raises(InputError, match=_FIX.format(found=found, fix=fix)):
        contracts.read(_write(tmp_path, text))


_IMAGENET = "mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]"


@pytest.mark.parametrize(
    ("head", "values"),
    [
        ("family = 'mobile-human-pose'", _IMAGENET),
        ("", f'{_IMAGENET}\nembedded = ["normalization"]'),
        ("", f'{_IMAGENET}\ndtype = "int8"\nscale = 0.02\nzero_point = -10'),
        ("", "mean = [104, 117, 123]\nstd = [1, 1, 1]"),
        ("", "mean = [0, 0, 0]\nstd = [1, 1, 2]"),
    ],
    ids=["published", "embedded", "quantized", "mean alone, as in Caffe", "2 is no value of this range"],
)
def test_a_valid_small_std_is_accepted(tmp_path: Path, head: str, values: str) -> None:
    text = f"{head}\n[input]\nheight = 64\nwidth = 64\n{values}"
    contract = contracts.read(_write(tmp_path, text)).contract
    assert contract is not None
    assert min(contract.std) < 2


def test_a_binary_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "net.toml").write_bytes(b"\xff\xfa")
    with pytest.raises(InputError, match="not a contract"):
        contracts.read(tmp_path / "net.toml")


@pytest.mark.parametrize(
    ("make", "message"),
    [(Path.mkdir, "a folder, which posedeploy does not read"), (lambda path: None, "no such file")],
    ids=["folder", "missing"],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, make: object, message: str) -> None:
    path = tmp_path / "net.toml"
    assert callable(make)
    make(path)
    with pytest.raises(InputError, match=rf"net\.toml: {message}.*; pass a contract"):
        contracts.read(path)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_provides_the_image_and_keypoints(family: str) -> None:
    spec = contracts.family_defaults(family)
    assert (spec.contract is None) == (spec.joints is not None)
    assert spec.keypoint_names
    assert spec.inputs == spec.outputs == ()


def test_the_joint_set_has_the_number_of_joints_of_the_model() -> None:
    outputs = tuple(TensorSpec(name, ("batch", 19, 3)) for name in ("cam_mesh", "pose3d"))
    spec = contracts.apply_contract(
        contracts.family_defaults("gtrs"), (TensorSpec("pose2d", ("batch", 19, 2)),), outputs, "net.onnx"
    )
    assert spec.joints is not None
    assert (spec.joints.joint_set, len(spec.keypoint_names)) == ("coco", 19)
    assert (spec.inputs[0].layout, spec.roles) == (None, {"cam_mesh": "cam_mesh", "pose3d": "pose3d"})
    five = tuple(replace(tensor, shape=("batch", 5, 3)) for tensor in outputs)
    own = contracts.apply_contract(
        contracts.family_defaults("gtrs"), (TensorSpec("pose2d", (1, 5, 2)),), five, "net.onnx"
    )
    assert own.joints is not None
    assert (own.joints.joint_set, own.keypoint_names[4]) == ("its own", "joint_4")


def test_missing_roles_are_assigned_to_the_last_output_with_the_role_in_its_name() -> None:
    spec = contracts.apply_contract(
        contracts.family_defaults("lightweight-openpose-2d"), DATA, MAPS, "net.onnx"
    )
    assert spec.roles == {"heatmaps": "stage_1_heatmaps", "pafs": "stage_1_pafs"}
    assert spec.outputs == MAPS
    assert spec.inputs == (TensorSpec("data", (1, 3, 256, 456), layout="NCHW"),)


def test_the_error_about_a_role_without_an_output_lists_the_outputs() -> None:
    with pytest.raises(
        InputError,
        match=r"net\.onnx: no output for 'pafs': expected a name that contains pafs, found stage",
    ):
        contracts.apply_contract(
            contracts.family_defaults("lightweight-openpose-2d"), DATA, MAPS[:1], "net.onnx"
        )


@pytest.mark.parametrize(
    "given",
    ['name = "image"', "shape = [1, 3, 256, 448]", "shape = [3, 256, 456]", 'dtype = "uint8"'],
)
def test_an_input_that_differs_from_the_file_is_an_error(tmp_path: Path, given: str) -> None:
    spec = contracts.read(_write(tmp_path, f"[input]\n{given}"))
    with pytest.raises(
        InputError,
        match=r"net\.onnx: the input in the contract is .*, and in the file data float32 1x3x256x456; ",
    ):
        contracts.apply_contract(spec, DATA, MAPS, "net.onnx")


@pytest.mark.parametrize("given", ["", 'name = "data"', 'shape = [1, 3, "height", 456]'])
def test_an_input_that_agrees_with_the_file_is_accepted(tmp_path: Path, given: str) -> None:
    spec = contracts.read(_write(tmp_path, f"[input]\n{given}"))
    assert contracts.apply_contract(spec, DATA, MAPS, "net.onnx").inputs[0].shape == (1, 3, 256, 456)


def test_a_missing_input_is_accepted(tmp_path: Path) -> None:
    other = (TensorSpec("image", (1, 256, 456, 3), "uint8"),)
    assert (
        contracts.apply_contract(contracts.read(_write(tmp_path, "")), other, MAPS, "x").inputs[0].dtype
        == "uint8"
    )


@pytest.mark.parametrize(
    ("outputs", "unit"), [('hm = "a"', "px"), ('hm = "a"\ndepth = "b"', "mm"), ("", "mm")]
)
def test_the_unit_is_px_without_depth_maps(tmp_path: Path, outputs: str, unit: str) -> None:
    spec = contracts.read(_write(tmp_path, f'family = "pose-hg-3d"\n[outputs]\n{outputs}'))
    assert spec.unit == unit
