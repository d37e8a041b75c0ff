from __future__ import annotations

import gc
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.predict import animations, tiff_header
from posedeploy.predict.animations import Animation
from posedeploy.predict.sources import open_source
from posedeploy.predict.video_reader import VideoReader
from tests.predict.videos import cut, make_video, picture

DURATIONS = (100, 50, 0, 300, 40)
TIMES = (0.0, 0.1, 0.15, 0.25, 0.55)


def animated(path: Path, count: int = 5) -> Path:
    """Write an animated image. Its third frame has a duration of 0, which browsers show for 0.1 s."""
    animation = cv2.Animation()
    animation.frames = [picture(number) for number in range(count)]
    animation.durations = np.array(DURATIONS[:count], np.int32)
    kind = ".png" if path.suffix == ".apng" else path.suffix
    path.write_bytes(cv2.imencodeanimation(kind, animation)[1].tobytes())
    return path


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        *((name, None) for name in ("a.gif", "a.webp", "a.png", "a.apng", "a.avif")),
        *((name, Animation) for name in ("a.gif", "a.webp", "a.avif")),
    ],
)
def test_all_frames_are_read_with_their_times(
    name: str, reader: type[Animation] | None, tmp_path: Path
) -> None:
    path = animated(tmp_path / name)
    with reader(path) if reader else open_source(str(path)) as source:
        frames = list(source)
        assert (source.kind, len(frames), source.problems) == ("video", 5, [])
    times = [frame.time_s for frame in frames]
    assert times[:3] == pytest.approx(TIMES[:3], abs=0.001)
    if reader or not name.endswith("png"):  # FFmpeg gives a frame of a PNG that wants no time a fifteenth
        assert times == pytest.approx(TIMES, abs=0.002)
    assert np.abs(frames[3].image.astype(int) - picture(3)).mean() < (
        30 if name == "a.gif" else 12
    )  # 256 colors


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.tiff"])
def test_an_animation_of_one_frame_is_an_image(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "a.tiff":
        cv2.imwrite(str(path), picture())
    else:
        animated(path, count=1)
    with open_source(str(path)) as source:
        assert source.kind == "images"
        assert len(list(source)) == 1


def test_an_animation_chunk_with_one_frame_is_an_image(tmp_path: Path) -> None:
    content = animated(tmp_path / "a.png").read_bytes()
    at = content.index(b"acTL") - 4
    png = content[:at] + _png_chunk(b"acTL", struct.pack(">II", 1, 0)) + content[at + 20 :]
    (tmp_path / "a.png").write_bytes(png)
    content = animated(tmp_path / "a.webp").read_bytes()
    first = content.index(b"ANMF")
    body = content[8 : content.index(b"ANMF", first + 4)]
    (tmp_path / "a.webp").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    for name in ("a.png", "a.webp"):
        with open_source(str(tmp_path / name)) as source:
            (frame,) = source
            assert source.kind == "images"
        assert np.abs(frame.image.astype(int) - picture()).mean() < 12


def test_a_png_with_a_large_color_profile_is_animated(tmp_path: Path) -> None:
    content = animated(tmp_path / "a.png").read_bytes()
    chunk = _png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(np.random.default_rng(0).bytes(9000)))
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    with open_source(str(tmp_path / "a.png")) as source:
        assert (source.kind, len(list(source)), source.problems) == ("video", 5, [])
    gc.collect()  # crashed if the side data of a frame was accessed


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("pixels", ["gray", "10 bits"])
def test_frames_of_an_avif_are_8_bit_colors(pixels: str, tmp_path: Path) -> None:
    path = tmp_path / "a.avif"
    if pixels == "gray":
        animation = cv2.Animation()
        animation.frames = [cv2.cvtColor(picture(number), cv2.COLOR_BGR2GRAY) for number in range(3)]
        animation.durations = np.full(3, 100, np.int32)
        path.write_bytes(cv2.imencodeanimation(".avif", animation)[1].tobytes())
    else:
        make_video(path, "libsvtav1", stamps=range(3), pix_fmt="yuv420p10le", format_="avif")
    with open_source(str(path)) as source:
        frames = list(source)
    assert [(frame.image.shape, frame.image.dtype) for frame in frames] == [((96, 128, 3), np.uint8)] * 3
    brightness = cv2.cvtColor(frames[2].image, cv2.COLOR_BGR2GRAY).astype(int)
    assert np.abs(brightness - cv2.cvtColor(picture(2), cv2.COLOR_BGR2GRAY)).mean() < 12


def test_frames_are_decoded_in_small_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posedeploy.predict.animations.CHUNK_BYTES", 2 * picture().nbytes)
    whole = list(Animation(animated(tmp_path / "a.webp")))
    assert [frame.time_s for frame in whole] == pytest.approx(TIMES)
    assert len({frame.image.tobytes() for frame in whole}) == 5


@pytest.mark.parametrize("name", ["a.gif", "a.png"])
def test_a_truncated_animation_is_read_up_to_its_end(name: str, tmp_path: Path) -> None:
    path = cut(animated(tmp_path / name), 0.7)
    with open_source(str(path)) as source:
        assert isinstance(source, VideoReader)
        assert 1 < len(list(source)) < 5
        (problem,) = source.problems
    assert "the file is damaged or truncated; the results hold" in problem


def test_a_truncated_webp_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"a\.webp: no frame can be decoded: the file is damaged or truncated"
    ):
        list(open_source(str(cut(animated(tmp_path / "a.webp"), 0.7))))


def pages(path: Path, *sizes: int) -> Path:
    cv2.imwritemulti(
        str(path), [cv2.resize(picture(number), (size, size)) for number, size in enumerate(sizes)]
    )
    return path


def test_the_pages_of_a_tiff_are_read(tmp_path: Path) -> None:
    path = pages(tmp_path / "a.tif", 64, 64, 32, 64)
    with open_source(str(path)) as source:
        assert [frame.time_s for frame in source] == pytest.approx([0, 0.04, 0.12])
        assert source.remarks == [
            "a.tif: a TIFF has no times, so 25 pages per second are assumed; set another rate with `fps`",
            "a.tif: 1 of its pages differ in size from the first page and are left out",
        ]
    with open_source(str(path), fps=10) as source:
        assert [frame.time_s for frame in source] == pytest.approx([0, 0.1, 0.3])
    assert open_source(str(pages(tmp_path / "smaller.tif", 64, 32, 16))).kind == "images"
    with pytest.raises(InputError, match=r"`fps=10`: a\.webp has its own times; leave `fps`"):
        open_source(str(animated(tmp_path / "a.webp")), fps=10)


def test_truncated_pages_are_reported(tmp_path: Path) -> None:
    path = cut(pages(tmp_path / "a.tif", 64, 64, 64, 64), 0.8)
    with open_source(str(path)) as source:
        assert len(list(source)) in (2, 3)
        (problem,) = source.problems
    assert "pages cannot be decoded: the file is damaged or truncated" in problem


def test_deep_pages_are_scaled_by_their_values(tmp_path: Path) -> None:
    deep = [cv2.cvtColor(picture(number), cv2.COLOR_BGR2GRAY).astype(np.uint16) * 16 for number in range(3)]
    cv2.imwritemulti(str(tmp_path / "a.tif"), deep)
    with open_source(str(tmp_path / "a.tif"), fps=30) as source:
        frames = list(source)
        assert source.remarks == ["a.tif: 16-bit samples with a maximum of 4080 are read as 12-bit samples"]
    for frame, page in zip(frames, deep, strict=True):
        assert frame.image.shape == (96, 128, 3)
        assert np.abs(frame.image[..., 0].astype(int) - page // 16).max() <= 1


@pytest.mark.parametrize("name", ["a.webp", "a.tif"])
def test_an_animation_that_shrinks_while_it_is_read_does_not_crash(tmp_path: Path, name: str) -> None:
    """A memory-mapped file would crash the process."""
    if name == "a.tif":
        cv2.imwritemulti(str(tmp_path / name), [np.full((8, 8, 3), 9, np.uint8)] * 3)
    else:
        animated(tmp_path / name)
    source = Animation(tmp_path / name)
    whole = sum(1 for _ in source)
    frames = iter(source)
    next(frames)
    (tmp_path / name).write_bytes(b"")
    assert sum(1 for _ in frames) == whole - 1
    assert str(tmp_path / name) not in Path("/proc/self/maps").read_text()
    source.close()


def _tiff(sizes: list[tuple[int, int]]) -> bytes:
    """Return pages whose headers have these sizes, with 16 bytes of data each."""
    content, places = b"II*\0", 8
    for number, (width, height) in enumerate(sizes):
        following = places + 114 if number + 1 < len(sizes) else 0
        tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: height, 279: 16}
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
        content += (struct.pack("<I", 8) if not number else b"") + struct.pack("<H", len(tags)) + entries
        content += struct.pack("<I", following)
        places = following
    return content + bytes(16)


def _gif(side: int) -> bytes:
    frame = b"!\xf9\4\0\0\0\0\0," + struct.pack("<4H", 0, 0, 1, 1) + b"\0\2\2\x44\1\0"
    return b"GIF89a" + struct.pack("<HH", side, side) + b"\x80\0\0" + bytes(6) + frame * 2 + b";"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.tif",
            _tiff([(4, 4), (32_000, 32_000)]),
            "has 32,000 x 32,000 px .* expected at most .* 268,435,456 px",
        ),
        ("a.gif", _gif(16_000), "has 16,000 x 16,000 px .* expected at most .* 33,554,432 px in total"),
    ],
)
def test_a_page_or_frame_with_too_many_px_is_refused_before_decoding(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_source(str(tmp_path / name))
    with pytest.raises(InputError, match=message):
        Animation(tmp_path / name)


def test_too_many_pages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (animations, tiff_header):
        monkeypatch.setattr(module, "MAX_PAGES", 3)
    (tmp_path / "a.tif").write_bytes(_tiff([(4, 4)] * 4))
    with pytest.raises(InputError, match=r"a\.tif: too many pages; expected at most 3; split the file"):
        Animation(tmp_path / "a.tif")
