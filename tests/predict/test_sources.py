from __future__ import annotations

import os
import re
import shutil
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.predict.frames import DEFAULT_FPS
from posedeploy.predict.image_files import open_images, open_several
from posedeploy.predict.opencv_video import OpenCvReader
from posedeploy.predict.sources import open_source
from posedeploy.types import Array
from tests.predict.conftest import HEIGHT, WIDTH, MakeVideo, write_image
from tests.predict.image_bytes import png_claiming, tiff


def test_an_image_is_a_source_of_one_frame(tmp_path: Path, photo: Array) -> None:
    source = open_source(str(write_image(tmp_path / "a b.png", photo)))
    (frame,) = source
    assert (source.kind, source.total, source.skipped) == ("images", 1, ())
    assert (frame.name, frame.index, frame.time_s) == ("a b.png", 0, None)
    np.testing.assert_array_equal(frame.image, photo)


def test_an_image_without_a_suffix_is_recognized_by_its_content(tmp_path: Path, photo: Array) -> None:
    path = write_image(tmp_path / "a.png", photo).rename(tmp_path / "nameless")
    assert open_source(str(path)).kind == "images"


def test_a_folder_yields_its_images_in_order_and_reports_other_files(tmp_path: Path, photo: Array) -> None:
    for name in ("b.png", "a.JPG", "c.bmp"):
        write_image(tmp_path / name, photo)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "d.png").mkdir()
    source = open_source(str(tmp_path))
    assert [frame.name for frame in source] == ["a.JPG", "b.png", "c.bmp"]
    assert (source.total, source.skipped, source.problems) == (3, ("notes.txt",), [])
    assert source.remarks == [
        "skipped 1 file that is not an image: notes.txt",
        "skipped 1 subfolder: d.png; read them too with `recursive`",
    ]
    sequence = open_source(str(tmp_path), fps=10)
    assert (sequence.kind, sequence.total, sequence.skipped) == ("video", 3, source.skipped)
    assert sequence.remarks == source.remarks


def test_a_damaged_image_of_a_folder_is_skipped_and_reported(tmp_path: Path, photo: Array) -> None:
    write_image(tmp_path / "a.png", photo)
    (tmp_path / "b.jpg").write_bytes(b"")
    source = open_source(str(tmp_path))
    assert [frame.name for frame in source] == ["a.png"]
    assert source.problems == [
        f"{tmp_path / 'b.jpg'}: the file is empty (0 bytes), not an image; copy or download it again"
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is Unicode")
@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"caf\xe9.png", r"caf\xe9.png"), (b"a\nb.png", r"a\nb.png"), (b"\x1b[31m.png", r"\x1b[31m.png")],
)
def test_an_unprintable_name_is_escaped(name: bytes, shown: str, tmp_path: Path, photo: Array) -> None:
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    write_image(tmp_path / "z.png", photo).rename(strange)
    for source in (open_source(str(strange)), open_source(str(tmp_path))):
        (frame,) = source
        assert (frame.name, source.frame_names, source.problems) == (shown, (shown,), [])


@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.png"])
def test_an_image_with_too_many_px_is_refused_before_its_frames_are_counted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {
        "a.tif": tiff(np.zeros((4, 4), np.uint8), tags={256: 65_000, 257: 65_000}),
        "a.gif": b"GIF89a" + struct.pack("<HH", 65_000, 65_000) + bytes(100),
        "a.png": png_claiming(65_000, 65_000),
    }[name]
    (tmp_path / name).write_bytes(content)
    for decoder in ("imdecode", "imdecodemulti", "imdecodeanimation"):
        monkeypatch.delattr(cv2, decoder)
    with pytest.raises(InputError, match="the image has 65,000 x 65,000 px of 8 bits; expected"):
        open_source(str(tmp_path / name))


def test_subfolders_are_read_on_request(tmp_path: Path, photo: Array) -> None:
    for place in ("b.png", "a/c.png", "a/d/b.png", "out/b.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / place, photo)
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "a" / "d" / "bad.jpg").write_text("no image")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    source = open_source(str(tmp_path), recursive=True, without=tmp_path / "out")
    assert [frame.name for frame in source] == ["a/c.png", "a/d/b.png", "b.png"]
    assert source.skipped == ("a/notes.txt", "a/pipe.png")
    assert source.remarks == ["skipped 2 files that are not images: a/notes.txt, a/pipe.png (a named pipe)"]
    assert len(source.problems) == 1 and "bad.jpg: not an image but a text file" in source.problems[0]
    with pytest.raises(InputError, match=r"`recursive`: .*b\.png is not a folder; leave it out"):
        open_source(str(tmp_path / "b.png"), recursive=True)


@pytest.mark.parametrize("name", ["clip.avi", "clip día 1.mp4"])
def test_a_video_yields_its_frames(name: str, video: MakeVideo) -> None:
    source = open_source(str(video(name, frames=10)))
    frames = list(source)
    assert (source.kind, source.total, source.fps, source.problems) == ("video", 10, 25.0, [])
    assert [frame.index for frame in frames] == list(range(10))
    assert [frame.time_s for frame in frames] == [index / 25 for index in range(10)]
    assert {(frame.name, frame.image.shape) for frame in frames} == {(name, (HEIGHT, WIDTH, 3))}


def test_a_closed_video_yields_no_frames(video: MakeVideo) -> None:
    with open_source(str(video(frames=10))) as source:
        frames = iter(source)
        next(frames)
    assert list(frames) == []
    source.close()


@pytest.mark.parametrize("rate", [(0, 1), (2_000_000, 1)])
def test_an_impossible_frame_rate_is_replaced_by_the_default(rate: tuple[int, int], video: MakeVideo) -> None:
    path = video(frames=5)
    content = bytearray(path.read_bytes())
    header = content.index(b"strh") + 8
    content[header + 20 : header + 28] = struct.pack("<II", rate[1], rate[0])
    path.write_bytes(content)
    with OpenCvReader(path) as source:
        assert source.fps == DEFAULT_FPS


def test_a_truncated_video_is_read_and_reported(video: MakeVideo) -> None:
    path = video(frames=50, keep=0.6)
    source = open_source(str(path))
    done = len(list(source))
    assert 20 < done < 40
    assert source.problems == [
        f"{path}: decoding ended at frame {done} of 50: the file is damaged or truncated; the results hold "
        f"{done} frames"
    ]


def test_a_video_without_frames_is_refused(video: MakeVideo) -> None:
    path = video(keep=0.2)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"movi") + 4])
    with pytest.raises(
        InputError, match=r"no frame can be decoded|not an image or a video that FFmpeg reads"
    ):
        list(open_source(str(path)))


def test_a_video_without_its_index_is_refused_without_output_of_the_decoder(
    video: MakeVideo, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        InputError,
        match=r"clip\.mp4: the video is truncated: its index \(moov\), which cameras write last, is missing",
    ):
        open_source(str(video("clip.mp4", keep=0.5)))
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_neither_image_nor_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("these are words")
    with pytest.raises(
        InputError, match=r"notes\.txt: not an image or a video that FFmpeg reads.*expected a video such"
    ):
        open_source(str(tmp_path / "notes.txt"))


def test_an_empty_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(
        InputError, match=r"clip\.mp4: the file is empty \(0 bytes\); expected an image or a video"
    ):
        open_source(str(tmp_path / "clip.mp4"))


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"none of its 1 files is an image; pass a folder .*\.png"):
        open_source(str(tmp_path))


def test_a_missing_source_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "gone.jpg"
    with pytest.raises(
        InputError, match=re.escape(f"{missing}: no such file or folder; pass an image, a folder")
    ):
        open_source(str(missing))


@pytest.mark.parametrize("number", ["20240131123456", "2147483648"])
def test_a_long_number_is_a_missing_file(number: str) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        open_source(number)


def test_an_unknown_camera_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        InputError, match="camera 99: not found, or in use by another program; try another camera"
    ):
        open_source("99")
    with pytest.raises(InputError, match="camera 99: not found"):
        open_source("/dev/video99")
    assert capfd.readouterr() == ("", "")


def test_a_file_takes_precedence_over_a_camera(
    tmp_path: Path, photo: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(write_image(tmp_path / "a.png", photo), tmp_path / "0")
    monkeypatch.chdir(tmp_path)
    assert open_source("0").kind == "images"


def test_a_source_can_be_limited_to_images(tmp_path: Path, photo: Array, video: MakeVideo) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    image = write_image(folder / "a.png", photo)
    (folder / "b.png").write_bytes(b"")
    assert [frame.name for frame in open_images(image)] == ["a.png"]
    images = open_images(folder)
    assert [frame.name for frame in images] == ["a.png"]
    assert len(images.problems) == 1 and "b.png: the file is empty" in images.problems[0]


def test_images_of_several_paths_are_read_once(tmp_path: Path, photo: Array) -> None:
    for name in ("day", "night"):
        (tmp_path / name).mkdir()
        write_image(tmp_path / name / "a.png", photo)
    other = write_image(tmp_path / "b.png", photo)
    images = open_several([tmp_path / "day", other, tmp_path / "night", tmp_path / "day" / "a.png"])
    assert [frame.name for frame in images] == ["day/a.png", "b.png", "night/a.png"]


def test_images_with_equal_names_are_told_apart(tmp_path: Path, photo: Array) -> None:
    paths = [tmp_path / name for name in ("x/day", "y/day", "a.png", "z/a.png", "z/b.png", "u/z/b.png")]
    for path in paths:
        folder = path if path.suffix == "" else path.parent
        folder.mkdir(parents=True, exist_ok=True)
        write_image(path / "a.png" if path.suffix == "" else path, photo)
    names = open_several(paths).frame_names
    assert names == (
        "x/day/a.png", "y/day/a.png", "a.png", "z/a.png", "z/b.png", "u/z/b.png",
    )  # fmt: skip


@pytest.mark.parametrize(("name", "message"), [("clip.avi", "not an image"), ("0", "no such file or folder")])
def test_a_path_without_images_is_refused(name: str, message: str, tmp_path: Path, video: MakeVideo) -> None:
    video("clip.avi")
    path = tmp_path / name
    with pytest.raises(
        InputError, match=re.escape(f"{path}: {message}; pass an image or a folder of images")
    ):
        open_images(path)
