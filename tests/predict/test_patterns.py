from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.errors import InputError
from posedeploy.predict.sources import open_source
from posedeploy.types import Array
from tests.predict.conftest import write_image
from tests.predict.videos import make_video


@pytest.fixture
def folder(tmp_path: Path, photo: Array) -> Path:
    """A folder with images numbered 3, 4, 7 and 10, and other images."""
    for name in ("f_000003.png", "f_000004.png", "f_000007.png", "f_000010.png", "f_x.png", "other.jpg"):
        write_image(tmp_path / name, photo)
    (tmp_path / "f_000011.txt").touch()
    return tmp_path


@pytest.mark.parametrize("pattern", ["f_%06d.png", "f_%d.png", "f_%6d.png"])
def test_numbered_images_are_read_as_a_video(pattern: str, folder: Path) -> None:
    with open_source(str(folder / pattern)) as source:
        frames = list(source)
        assert (source.kind, source.total) == ("video", 4)
        assert source.remarks == [
            f"{pattern}: images have no times, so 25 per second are assumed; set another rate with `fps`"
        ]
    assert [frame.name for frame in frames] == [f"f_{number:06}.png" for number in (3, 4, 7, 10)]
    assert [frame.index for frame in frames] == [0, 1, 4, 7], "numbers that are missing are a pause"
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.04, 0.16, 0.28])


def test_an_unreadable_image_of_a_pattern_is_skipped(folder: Path) -> None:
    (folder / "f_000004.png").write_bytes(b"")
    with open_source(str(folder / "f_%06d.png"), fps=10) as source:
        assert [frame.time_s for frame in source] == pytest.approx([0, 0.4, 0.7])
        (problem,) = source.problems
    assert "f_000004.png: the file is empty" in problem


def test_a_glob_selects_images(folder: Path) -> None:
    with open_source(str(folder / "f_*")) as source:
        assert (source.kind, source.total, len(source.skipped)) == ("images", 5, 1)
        assert next(iter(source)).name == "f_000003.png"
    with open_source(str(folder / "f_*.png"), fps=5) as source:
        assert source.kind == "video"
        assert [frame.time_s for frame in source] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    with open_source(str(folder / "oth[e]r.*")) as source:
        assert (source.kind, source.name) == ("images", "other.jpg")


@pytest.mark.parametrize("fps", [None, 5])
def test_a_glob_lists_each_file_once_and_reports_skipped_files(
    folder: Path, photo: Array, fps: float | None
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "loop").symlink_to("..")
    write_image(folder / "sub" / "a.png", photo)
    with open_source(str(folder / "**" / "*.png")) as source:
        assert len(source.inputs) == 6 and source.remarks == []
        assert "loop" not in "".join(map(str, source.inputs))
    (folder / "link.png").symlink_to("none.png")
    with open_source(str(folder / "*"), fps) as source:
        (remark,) = (each for each in source.remarks if each.startswith("skipped"))
    assert remark.startswith("skipped 2 files that are not images: ")
    assert "f_000011.txt, " in remark and remark.endswith("link.png (No such file or directory)")


@pytest.mark.parametrize("pattern", ["", "*", ".*", "*.png"])
def test_metadata_files_of_macos_are_ignored(pattern: str, folder: Path) -> None:
    (folder / "._f_000003.png").write_bytes(b"\x00\x05\x16\x07" + bytes(60))
    if pattern == ".*":
        with pytest.raises(InputError, match="matches no file"):
            open_source(str(folder / pattern))
        return
    with open_source(str(folder / pattern)) as source:
        assert len(list(source)) == len(source.inputs) >= 5
        assert source.problems == [] and "._" not in "".join([*source.remarks, *source.skipped])


def test_a_folder_with_a_frame_rate_is_read_as_a_video(folder: Path) -> None:
    with open_source(str(folder), fps=2) as source:
        assert source.kind == "video"
        assert [frame.time_s for frame in source][-1] == 2.5


def test_an_existing_file_takes_precedence_over_a_pattern(folder: Path, photo: Array) -> None:
    write_image(folder / "a%02d[1].png", photo)
    with open_source(str(folder / "a%02d[1].png")) as source:
        assert (source.kind, source.total) == ("images", 1)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("g_%06d.png", "g_%06d.png: matches no file; check the number of digits and the suffix"),
        ("%d_%d.png", "%d_%d.png: 2 numbers in the name; expected one, such as %06d"),
        ("none/%d.png", "none: cannot be read (No such file or directory)"),
        ("*.gif", "*.gif: matches no file; check the folder and the suffix"),
        ("*.mp4", "*.mp4: matches 2 files, none of them an image; pass one video at a time"),
    ],
)
def test_a_pattern_without_matches_is_refused(pattern: str, message: str, folder: Path) -> None:
    make_video(folder / "a.mp4")
    make_video(folder / "b.mp4")
    with pytest.raises(InputError) as refusal:
        open_source(str(folder / pattern))
    assert message in str(refusal.value)


def test_a_frame_rate_for_a_single_image_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"`fps=5`: other\.jpg is a single image; leave `fps` out"):
        open_source(str(folder / "other.jpg"), fps=5)
