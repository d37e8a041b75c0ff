"""Selection of the files that are the images of annotations."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.api.annotated_images import find_images
from posedeploy.benchmarks.annotations import AnnotatedImage, Annotations
from posedeploy.errors import InputError


def _annotations(*names: str) -> Annotations:
    images = tuple(AnnotatedImage(number, name, 1, 1) for number, name in enumerate(names))
    return Annotations(Path("a.json"), 1, (), images, ())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "cam1/0.png", "cam2/0.png", "día 1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("a.png", "a.png"),
        ("val2017/a.png", "a.png"),
        ("/data/val/a.png", "a.png"),
        ("../val/a.png", "a.png"),
        (r"C:\\val\\a.png", "a.png"),
        (r"val\\cam1\\0.png", "cam1/0.png"),
        ("x/y/cam2/0.png", "cam2/0.png"),
        ("día 1.png", "día 1.png"),
    ],
)
def test_images_are_found_in_other_folders_than_listed(folder: Path, listed: str, found: str) -> None:
    assert find_images(_annotations(listed), (folder,)) == ({0: folder / found}, "")


def test_several_folders_are_searched_in_order(folder: Path) -> None:
    folders = (folder / "cam2", folder)
    expected = {0: folder / "cam2" / "0.png", 1: folder / "a.png"}
    assert find_images(_annotations("0.png", "a.png"), folders) == (expected, "")


def test_images_with_the_same_name_in_two_folders_are_distinguished(folder: Path) -> None:
    (folder / "0.png").write_bytes(b"")
    paths, sentence = find_images(_annotations("cam1/0.png", "cam3/0.png"), (folder,))
    assert paths == {0: folder / "cam1/0.png"}
    assert sentence == (
        f"`images={folder}`: 1 of 2 annotated images missing: cam3/0.png; "
        "these images and their people are left out"
    )


def test_a_name_that_is_too_long_for_a_file_is_missing(folder: Path) -> None:
    paths, message = find_images(_annotations("a.png", "b" * 300 + ".png"), [folder])
    assert list(paths) == [0]
    assert "1 of 2 annotated images missing" in message


def test_a_folder_without_the_images_is_refused(folder: Path) -> None:
    names = [f"{number}.png" for number in range(5)]
    with pytest.raises(
        InputError, match=r"5 of 5 annotated images missing: 0.png, 1.png, 2.png and 2 more; pass the folder"
    ):
        find_images(_annotations(*names), (folder,))
