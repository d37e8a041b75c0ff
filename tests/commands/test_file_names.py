"""File names that are not plain text, for every kind of input and output."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands.conftest import Invoke

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes are Linux's")

MAX_BYTES = 255
NAMES: dict[str, Callable[[str], bytes]] = {
    "not UTF-8": lambda suffix: b"caf\xe9" + suffix.encode(),
    "newline": lambda suffix: b"a\nb" + suffix.encode(),
    "escape sequence": lambda suffix: b"\x1b[31mred\x07" + suffix.encode(),
    "leading dash": lambda suffix: b"-o" + suffix.encode(),
    "255 bytes": lambda suffix: b"x" * (MAX_BYTES - len(suffix)) + suffix.encode(),
}
CONTRACT = 'family = "lightweight-openpose-2d"\n'
EXTRINSICS = '{"R": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "t": [0, 0, 200]}'
REFUSED = {"--extrinsics", "--boxes", "--annotations", "--mesh", "--detector", "--network", "joints"}
"""Kinds of files that this model does not use, so that the command refuses them."""


@pytest.fixture
def model(human: Path, tmp_path: Path) -> Path:
    """A model without a manifest and its description, in the working folder."""
    shutil.copy(human / "out" / "human.onnx", tmp_path / "model.onnx")
    (tmp_path / "c.toml").write_text(CONTRACT)
    Image.new("RGB", (456, 256)).save(tmp_path / "photo.png")
    return Path("model.onnx")


def _arguments(kind: str, path: Path, human: Path) -> tuple[object, ...]:
    """Write an input file of this kind to the path, and return a command that uses it."""
    described = ("--contract", "c.toml", "-o", "out")
    predict = ("predict", *described)
    onnx = human / "out" / "human.onnx"
    sources: dict[str, tuple[Path | str | bytes | None, tuple[object, ...]]] = {
        "model.onnx": (onnx, ("predict", *described, "--", path, "photo.png")),
        "model.xml": (human / "out" / "human.xml", ("predict", *described, "--", path, "photo.png")),
        "checkpoint": (
            human / "human.pth",
            ("export", "--name", "a", "--network", f"{human / 'crowd_net.py'}:build", "--", path),
        ),
        "image": (Path("photo.png"), (*predict, "--", "model.onnx", path)),
        "--contract": (CONTRACT, ("predict", "model.onnx", "photo.png", "-o", "out", "--contract", path)),
        "-o": (None, ("predict", "model.onnx", "photo.png", "--contract", "c.toml", "-o", path)),
        "export -o": (
            None,
            (
                "export", human / "human.pth", "--network", f"{human / 'crowd_net.py'}:build",
                "--to", "onnx", "--to", "openvino", "-o", path,
            ),
        ),
        "--json": (None, ("inspect", "model.onnx", "--contract", "c.toml", "--json", path)),
        "--images": (Path("photo.png"), ("parity", onnx, "--network", f"{human / 'crowd_net.py'}:build",
                                         "--images", path)),
        "--extrinsics": (EXTRINSICS, (*predict, "model.onnx", "photo.png", "--extrinsics", path)),
        "--boxes": ("[[1, 2, 30, 40]]", (*predict, "model.onnx", "photo.png", "--boxes", path)),
        "--annotations": (
            "[]",
            ("evaluate", "model.onnx", "--contract", "c.toml", "--images", ".", "--annotations", path),
        ),
        "--mesh": (b"no mesh", (*predict, "model.onnx", "photo.png", "--mesh", path)),
        "--detector": (onnx, (*predict, "model.onnx", "photo.png", "--detector", path)),
        "--network": ("build = None", ("export", human / "human.pth", "--network", f"{path}:build")),
        "joints": (None, (*predict, "--", "model.onnx", path)),
    }  # fmt: skip
    content, arguments = sources[kind]
    if isinstance(content, Path):
        shutil.copy(content, path)
        if kind == "model.xml":
            shutil.copy(content.with_suffix(".bin"), path.with_suffix(".bin"))
    elif content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    elif kind == "joints":
        with path.open("wb") as file:
            np.save(file, np.zeros((17, 2)))
    return arguments


SUFFIXES = {
    "model.onnx": ".onnx", "model.xml": ".xml", "checkpoint": ".pth", "image": ".png", "--contract": ".toml",
    "-o": "", "export -o": "", "--json": ".json", "--images": ".png", "--extrinsics": ".json",
    "--boxes": ".json", "--annotations": ".json", "--mesh": ".npy", "--detector": ".onnx", "--network": ".py",
    "joints": ".npy",
}  # fmt: skip


RUN_PYTORCH = {"checkpoint", "export -o", "--images"}
CASES = [
    pytest.param(kind, name, marks=[pytest.mark.slow] if kind in RUN_PYTORCH and name != "not UTF-8" else [])
    for kind in SUFFIXES
    for name in NAMES
]


@pytest.mark.parametrize(("kind", "name"), CASES)
@pytest.mark.usefixtures("model")
def test_no_file_name_crashes_a_command(kind: str, name: str, human: Path, invoke: Invoke) -> None:
    path = Path(os.fsdecode(NAMES[name](SUFFIXES[kind])))
    result = invoke(*_arguments(kind, path, human))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == int(kind in REFUSED), result.output
    assert "\x1b[31m" not in result.output and "\udce9" not in result.output
    if kind in REFUSED:
        assert result.stderr.splitlines()[-1].startswith("error: ")
    if kind == "--json":
        json.loads(path.read_bytes())


SPECIAL = {"pipe": "a named pipe", "socket": "a socket", "device": "a character device"}
OPTIONS = [kind for kind in SUFFIXES if kind not in ("--network", "joints")]


@pytest.fixture(params=SPECIAL)
def special(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A path that is not a regular file."""
    path = tmp_path / request.param
    if request.param == "pipe":
        os.mkfifo(path)
        yield path
    elif request.param == "device":
        yield Path("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(request.param)  # by a short path, as a socket's must be
            yield path


@pytest.mark.parametrize("kind", SUFFIXES)
@pytest.mark.usefixtures("model")
def test_pipes_sockets_and_devices_are_refused_without_reading(
    kind: str, special: Path, human: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / f"link{SUFFIXES[kind]}"
    arguments = _arguments(kind, path, human)
    path.unlink(missing_ok=True)
    path.symlink_to(special)
    message = refused(*arguments)
    named = SPECIAL["device" if special.name == "zero" else special.name]
    assert (named in message and "regular file" in message) or "there is no file" in message
    assert special.exists()


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (("inspect", ""), "argument 2"),
        (("inspect", "model.onnx", "--json", ""), "--json"),
        (("inspect", "model.onnx", "--json="), "--json"),
        (("predict", "model.onnx", "photo.png", "-o", ""), "-o"),
        (("engine", "rebuild", ""), "argument 3"),
    ],
)
def test_an_empty_value_is_refused(
    arguments: tuple[str, ...], where: str, refused: Callable[..., str]
) -> None:
    message = f"error: {where}: the value is empty, perhaps from an unset variable; pass a value"
    assert refused(*arguments) == message


def test_a_path_that_is_too_long_is_refused(refused: Callable[..., str]) -> None:
    path = "/".join(["x" * 200] * 30) + ".onnx"
    assert "File name too long" in refused("inspect", path)
    assert "File name too long" in refused("predict", "model.onnx", path)


def test_an_artifact_name_that_is_too_long_is_refused(human: Path, refused: Callable[..., str]) -> None:
    network = ("--network", f"{human / 'crowd_net.py'}:build")
    message = refused("export", human / "human.pth", *network, "--name", "x" * 245)
    assert "the file name has 265 bytes, and file systems allow 255; choose a shorter --name" in message
