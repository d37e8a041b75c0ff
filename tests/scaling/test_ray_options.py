"""The options of ``predict --ray``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from posedeploy.console.ray_options import complete_ray
from tests.commands.conftest import Invoke


@pytest.mark.parametrize(
    ("arguments", "completed"),
    [
        ("predict a b --ray", "predict a b --ray local"),
        ("predict --ray a b", "predict --ray local a b"),
        ("predict a b --ray --no-draw", "predict a b --ray local --no-draw"),
        ("predict a b --ray head:6379 -o c", "predict a b --ray head:6379 -o c"),
        ("predict a --ray auto b", "predict a --ray auto b"),
        ("predict --ray -- a:1", "predict --ray local -- a:1"),
        ("predict -- --ray a", "predict -- --ray a"),
    ],
)
def test_ray_takes_an_address_or_nothing(arguments: str, completed: str) -> None:
    assert complete_ray(arguments.split()) == completed.split()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resume"], "--resume: only for jobs on a Ray cluster; add --ray, or leave it out"),
        (["--shard-size", 4], "--shard-size: only for jobs on a Ray cluster"),
        (["--ray", "--shard-size", 0], "--shard-size 0: expected at least 1"),
        (["--ray", "--workers", 0], "--workers 0: expected at least 1"),
        (["--ray", "ray://head:10001"], "--ray ray://head:10001: expected HOST:PORT of a cluster"),
        (["--ray", "--show"], "--show: not available with --ray, which opens no windows; leave out one of"),
        (["--ray", "--fps", 5], "--fps 5: a.png is a single image; leave --fps out"),
        (["--ray", "--boxes", "b.csv"], "b.csv: no such file"),
        (["--ray", "--sequence"], "--sequence: a.png is not a file of 2D joints; leave it out"),
        (["--ray", "-o", "s3://bucket/out"], "expected a folder that all nodes share, such as one on NFS"),
        (["--ray", "--resume"], "no job to resume: it has no job.json; run it without --resume"),
        (["--ray", "127.0.0.1:9"], "--ray 127.0.0.1:9: no Ray cluster can be reached there ([Errno 111]"),
        pytest.param(["--ray", "--threads", 99], "--threads 99: the cluster has", marks=pytest.mark.slow),
        pytest.param(["--ray", "--workers", 99], "--workers 99: the cluster has", marks=pytest.mark.slow),
    ],
)
def test_wrong_options_are_refused(
    model: Path, refused: Callable[..., str], tmp_path: Path, options: list[object], message: str
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
    assert message in refused("predict", model, "a.png", "--no-draw", *options)


def test_the_folder_of_the_images_is_refused_as_output(
    model: Path, photos: Path, refused: Callable[..., str]
) -> None:
    message = refused("predict", model, photos, "--ray", "-o", photos)
    assert f"--output {photos}: the folder of the images; use another folder for the pictures" in message


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the packages of the extra ``ray``."""
    for name in [name for name in sys.modules if name.startswith("posedeploy.scaling")]:
        monkeypatch.delitem(sys.modules, name)
    for package in ("ray", "pyarrow", "fsspec"):
        monkeypatch.setitem(sys.modules, package, None)


@pytest.mark.usefixtures("without_ray")
def test_commands_need_the_packages_only_with_ray(
    model: Path, done: Invoke, refused: Callable[..., str], tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
    done("predict", model, "a.png", "--no-draw")
    assert "none.onnx: no such file" in refused("bench", "none.onnx")
    message = refused("evaluate", model, "--annotations", "none.json", "--images", ".")
    assert "none.json: no such file" in message
    for command in (("predict", model, "a.png"), ("bench", model), ("parity", model)):
        message = refused(*command, "--ray")
        assert "is not installed; install it with: pip install 'posedeploy[ray]'" in message
