"""The tensors of a contract, merged with those of a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from posedeploy import contracts
from posedeploy.errors import InputError
from posedeploy.types import Dimension, ModelSpec, Quantization, TensorSpec

FAMILY = "lightweight-openpose-2d"
IMAGE = TensorSpec("images", (1, 128, 96, 3))
MAPS = (TensorSpec("heatmaps", (1, 16, 12, 19)), TensorSpec("pafs", (1, 16, 12, 38)))


def _read(folder: Path, text: str, family: str = FAMILY) -> ModelSpec:
    path = folder / "net.toml"
    path.write_text(f'family = "{family}"\n{text}')
    return contracts.read(path)


def _apply(
    described: ModelSpec, image: TensorSpec = IMAGE, outputs: tuple[TensorSpec, ...] = MAPS
) -> ModelSpec:
    return contracts.apply_contract(described, (image,), outputs, "net.onnx")


def test_all_fields_of_an_output_can_be_described(tmp_path: Path) -> None:
    spec = _read(
        tmp_path,
        """
        [outputs]
        pafs = "b"
        [outputs.heatmaps]
        name = "a"
        dtype = "int8"
        shape = [1, "height", "width", 19]
        layout = "NHWC"
        scale = 0.01
        zero_point = -3
        stride = 8
        """,
    )
    assert spec.roles == {"pafs": "b", "heatmaps": "a"}
    a = TensorSpec("a", (1, "height", "width", 19), "int8", "NHWC", Quantization(0.01, -3), 8)
    assert spec.outputs == (TensorSpec("b", ()), a)
    assert spec.map_stride == 8
    outputs = TensorSpec("a", (1, 16, 12, 19), "int8"), TensorSpec("b", (1, 16, 12, 38))
    heatmaps, pafs = _apply(spec, outputs=outputs).outputs
    assert heatmaps == TensorSpec("a", (1, 16, 12, 19), "int8", "NHWC", Quantization(0.01, -3), 8)
    assert pafs.layout == "NHWC"


def test_the_role_is_the_default_name_of_an_output(tmp_path: Path) -> None:
    assert _read(tmp_path, '[outputs.heatmaps]\nlayout = "NHWC"').roles == {"heatmaps": "heatmaps"}


def test_layout_and_scale_of_the_input_can_be_described(tmp_path: Path) -> None:
    spec = _read(tmp_path, '[input]\ndtype = "uint8"\nlayout = "NHWC"\nscale = 0.5\nzero_point = 255')
    shape = ("batch", "height", "width", 3)
    assert spec.inputs == (TensorSpec("data", shape, "uint8", "NHWC", Quantization(0.5, 255)),)
    image = _apply(spec, TensorSpec("x", (1, 128, 96, 3), "uint8")).inputs[0]
    assert image == TensorSpec("x", (1, 128, 96, 3), "uint8", "NHWC", Quantization(0.5, 255))


@pytest.mark.parametrize(
    ("image", "shape", "layout"),
    [
        ((1, 128, 96, 3), (1, 16, 12, 19), "NHWC"),
        ((1, 3, 128, 96), (1, 19, 16, 12), "NCHW"),
        ((1, 3, 128, 96), (1, 16, 12, 19), "NHWC"),
        ((1, 128, 96, 3), (1, 19, 16, 12), "NCHW"),
        ((1, 257, 257, 3), (1, 33, 33, 19), "NHWC"),
        ((1, "h", "w", 3), (1, "a", "b", 19), "NHWC"),
        (("n", 3, "h", "w"), ("n", 19, "a", "b"), "NCHW"),
        ((1, 3, "h", "w"), ("a", "b", "c", "d"), "NCHW"),
        ((1, "h", "w", 3), (1, 32, 57, 19), "NHWC"),
        ((1, "h", "w", 3), (1, "a", 57, 19), "NHWC"),
        ((1, 152, 128, 3), (1, 19, 16, 19), "NHWC"),
        ((1, 152, 152, 3), (1, 19, 19, 38), "NHWC"),
        ((1, 3, 128, 96), (1, 19, 5, 7), "NCHW"),
        ((1, 3, 128, 128), (1, 16, 16, 16), "NCHW"),
    ],
)
def test_a_missing_layout_is_inferred_from_the_shapes(
    image: tuple[Dimension, ...], shape: tuple[Dimension, ...], layout: str
) -> None:
    spec = contracts.apply_contract(
        replace(contracts.family_defaults(FAMILY), roles={"heatmaps": "heatmaps"}),
        (TensorSpec("x", image),),
        (TensorSpec("heatmaps", shape),),
        "net.onnx",
    )
    assert spec.outputs[0].layout == layout
    assert spec.inputs[0].layout == ("NHWC" if image[3] == 3 else "NCHW")


def test_an_ambiguous_layout_is_an_error(tmp_path: Path) -> None:
    image, outputs = TensorSpec("x", (1, 64, 64, 3)), (TensorSpec("hm", (1, 16, 16, 16)),)
    spec = _read(tmp_path, '[outputs]\nhm = "hm"', "pose-hg-3d")
    with pytest.raises(
        InputError, match=r'hm float32 1x16x16x16 may have its channels first or last; write layout = "NCHW"'
    ):
        _apply(spec, image, outputs)
    spec = _read(tmp_path, '[outputs.hm]\nlayout = "NHWC"', "pose-hg-3d")
    assert _apply(spec, image, outputs).outputs[0].layout == "NHWC"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[outputs.heatmaps]\nlayout = "NCWH"', r"'NCWH'.*; allowed are NCHW, NHWC;"),
        ('[input]\nlayout = "HWC"', "'HWC'.*; allowed are NCHW, NHWC;"),
        ('[input]\ndtype = "int64"', "'int64'.*; allowed are float32, float16, uint8, int8, uint16, int16;"),
        ('[input]\nembedded = ["scaling"]', "'scaling'.*; allowed are color, normalization;"),
        ('[input]\nfit = "stretch"', "'stretch'.*; allowed are pad, crop, box, center, affine, affine-udp, "),
        (
            "[outputs.heatmaps]\nzero = 3",
            "unknown field 'zero'; the fields are name, .* stride",
        ),
        (
            "[input]\nstride = 8",
            r"input: it has the unknown field 'stride'; .*\(nearest: stride, which belongs in \[outputs",
        ),
        ("output = 3", "it has the unknown field 'output'; .* .nearest: outputs."),
        (
            "[outputs.heatmaps]\nscale = 0",
            r"\[outputs.heatmaps\]: scale is 0; expected a finite number",
        ),
        ("[outputs.heatmaps]\nscale = -1.5", r"scale is -1.5; expected a finite number above 0"),
        ("[input]\nscale = inf", r"\[input\]: scale is inf; expected a finite number above 0"),
        ("[input]\nscale = nan", r"\[input\]: scale is nan; expected a finite number above 0"),
        ("[input]\nscale = 0.0", r"\[input\]: scale is 0; "),
        ("[outputs.pafs]\nzero_point = 3", r"\[outputs.pafs\] has zero_point without scale; write both"),
        ("[outputs.pafs]\nzero_point = 0.5", "Expected an integer"),
        ("[outputs.pafs]\nstride = 0", "Expected an integer >= 1"),
        ("[outputs]\npafs = 3", "Expected a string or a table, got an integer; write the table"),
        ('outputs = ["heatmaps"]', 'Expected a table, got a list; write .*ROLE = NAME.*heatmaps = "name of'),
        ("[input]\nheigth = 3", "nearest: height."),
        ("heigth = 3", r"nearest: height, which belongs in \[input\]"),
        ("[input]\nmean = 0.5", "input.mean: Expected a list, got a number"),
        (
            "[input]\nheight = 4\nwidth = 8\nshape = [1, 3, 8, 4]",
            r"shape = \[1, 3, 8, 4\], whose axis H in the layout NCHW is 8, expected 4; correct",
        ),
        ('[input]\nlayout = "NHWC"\nshape = [1, 3, 8, 4]', "axis C in the layout NHWC is 4, expected 3"),
        (
            "[outputs.pafs]\nstride = 4\n[outputs.heatmaps]\nstride = 8",
            r"has the strides pafs 4, heatmaps 8; use one stride for all maps",
        ),
    ],
)
def test_the_error_about_an_invalid_value_lists_the_valid_ones(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        _read(tmp_path, text)
    assert str(refusal.value).startswith(f"{tmp_path}/net.toml: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[outputs]\nheatmap = "heatmaps"',
            "the unknown role heatmap; the roles of .* are heatmaps, p",
        ),
        (
            '[outputs]\nheatmaps = "maps"',
            "no output for 'heatmaps': expected maps, found heatmaps, pafs",
        ),
        (
            '[outputs]\nheatmaps = "pafs"\npafs = "pafs"',
            "has 'pafs' for both heatmaps and pafs; name each output once",
        ),
        (
            "[outputs.pafs]\nshape = [1, 16, 12, 37]",
            r"the output in the contract is pafs float32 1x16x12x37, and in the file pafs",
        ),
        (
            '[outputs.pafs]\ndtype = "int8"',
            r"the output in the contract is pafs int8 1x16x12x38, and in the file pafs float32 1x16",
        ),
        (
            "[outputs.pafs]\nscale = 0.1",
            "pafs has a scale and is float32, expected uint8, .*; remove scale",
        ),
        ("[input]\nscale = 0.1", "images has a scale and is float32, expected uint8"),
        (
            "[outputs.pafs]\nstride = 4",
            "the stride of pafs is 4 in the contract, and the file has 12x16 cells for an input of 96x128 px",
        ),
        (
            "[outputs.pafs]\nstride = 9",
            "the stride of pafs is 9 in the contract, and the file has 12x16 cells for an input of 96x128 px",
        ),
    ],
)
def test_a_description_that_differs_from_the_file_is_an_error(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"^net.onnx: .*{message}"):
        _apply(_read(tmp_path, text))


@pytest.mark.parametrize(
    ("dtype", "zero_point", "limits"),
    [("int8", 128, "-128 to 127"), ("uint8", -1, "0 to 255"), ("int16", 40000, "-32768 to 32767")],
)
def test_a_zero_point_outside_the_dtype_is_an_error(
    dtype: str, zero_point: int, limits: str, tmp_path: Path
) -> None:
    spec = _read(tmp_path, f"[outputs.heatmaps]\nscale = 1\nzero_point = {zero_point}")
    outputs = (TensorSpec("heatmaps", (1, 16, 12, 19), dtype),)
    with pytest.raises(
        InputError, match=f"the zero point of \\w+ is {zero_point}; expected {limits} for {dtype}"
    ):
        _apply(spec, outputs=outputs)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ('layout = "NHWC"', "needs an output of 4 axes"),
        ("stride = 8", "needs maps of an image"),
    ],
)
def test_an_output_other_than_a_map_has_no_layout_or_stride(field: str, message: str, tmp_path: Path) -> None:
    image, outputs = TensorSpec("x", (1, 3, 256, 256)), (TensorSpec("coord", (1, 18, 3)),)
    with pytest.raises(InputError, match=message):
        _apply(_read(tmp_path, f"[outputs.coord]\n{field}", "mobile-human-pose"), image, outputs)


def test_a_stride_may_round_the_last_cell_up(tmp_path: Path) -> None:
    spec = _read(tmp_path, "[outputs.heatmaps]\nstride = 8\n[outputs.pafs]")
    outputs = tuple(TensorSpec(name, (1, 33, 33, count)) for name, count in (("heatmaps", 19), ("pafs", 38)))
    assert _apply(spec, TensorSpec("x", (1, 257, 257, 3)), outputs).map_stride == 8


def test_the_scale_of_the_file_is_kept(tmp_path: Path) -> None:
    own = Quantization(0.0100001, -3)
    outputs = (TensorSpec("heatmaps", (1, 16, 12, 19), "int8", quantization=own),)
    spec = _read(tmp_path, "[outputs.heatmaps]\nscale = 0.01\nzero_point = -3")
    assert _apply(spec, outputs=outputs).outputs[0].quantization == own
    spec = _read(tmp_path, "[outputs.heatmaps]\nscale = 0.02\nzero_point = -3")
    with pytest.raises(
        InputError, match=r"heatmaps has scale 0.02, zero point -3 in the contract, and scale 0.0100001, zero"
    ):
        _apply(spec, outputs=outputs)


def _of_shapes(*shapes: tuple[Dimension, ...]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(f"output_{number}", shape) for number, shape in enumerate(shapes))


@pytest.mark.parametrize(
    ("family", "outputs", "roles"),
    [
        (FAMILY, _of_shapes((1, 16, 12, 38), (1, 16, 12, 19)), {"heatmaps": "output_1", "pafs": "output_0"}),
        (FAMILY, _of_shapes((1, 38, 16, 12), (1, 19, 16, 12)), {"heatmaps": "output_1", "pafs": "output_0"}),
        ("mobile-human-pose", _of_shapes((1, 18, 3)), {"coord": "output_0"}),
        ("pose-hg-3d", _of_shapes((1, 16, 16, 12)), {"hm": "output_0"}),
        ("pose-hg-3d", (TensorSpec("hm", (1, 16, 16, 12)), TensorSpec("x", (1, 2))), {"hm": "hm"}),
        ("gtrs", _of_shapes((1, 17, 3)), {"pose3d": "output_0"}),
    ],
)
def test_outputs_with_other_names_are_recognized_by_their_shapes(
    family: str, outputs: tuple[TensorSpec, ...], roles: dict[str, str]
) -> None:
    image = TensorSpec("x", (1, 17, 2) if family == "gtrs" else (1, 3, 128, 96))
    spec = _apply(contracts.family_defaults(family), image, outputs)
    assert spec.roles == roles
    assert spec.unit == ("px" if family in (FAMILY, "pose-hg-3d") else "mm")


@pytest.mark.parametrize(
    ("family", "outputs"),
    [
        (FAMILY, _of_shapes((1, 19, 16, 12), (1, 19, 16, 12), (1, 38, 16, 12))),
        (FAMILY, _of_shapes((1, 57, 16, 12))),
        ("pose-hg-3d", _of_shapes((1, 16, 32, 24), (1, 16, 32, 24))),
    ],
)
def test_ambiguous_outputs_are_an_error(family: str, outputs: tuple[TensorSpec, ...]) -> None:
    with pytest.raises(InputError, match=r"no output for '\w+': expected a name that contains \w+, found"):
        _apply(contracts.family_defaults(family), TensorSpec("x", (1, 3, 128, 96)), outputs)


def test_a_contract_may_name_some_of_the_outputs(tmp_path: Path) -> None:
    outputs = (TensorSpec("a", (1, 16, 12, 19)), TensorSpec("b", (1, 16, 12, 38)))
    spec = _apply(_read(tmp_path, "[outputs.heatmaps]\nname = 'a'"), outputs=outputs)
    assert spec.roles == {"heatmaps": "a", "pafs": "b"}
    spec = _apply(_read(tmp_path, "[outputs]\nhm = 'hm'", "pose-hg-3d"), outputs=_hm_and_depth())
    assert (spec.roles, spec.unit) == ({"hm": "hm"}, "px"), "what can be left out is left out"
    assert _apply(contracts.family_defaults("pose-hg-3d"), outputs=_hm_and_depth()).unit == "mm"


def _hm_and_depth() -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, (1, 16, 12, 16)) for name in ("hm", "depth"))
