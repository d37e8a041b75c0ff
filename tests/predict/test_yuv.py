from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from posedeploy.predict.frames import Frame
from posedeploy.predict.pictures import Picture
from posedeploy.predict.sources import open_source
from posedeploy.predict.video_writer import VideoWriter
from posedeploy.predict.yuv import BT601, BT709, ColorMatrix, copy_with_parts, matrix_of
from posedeploy.types import Array

SIZE = (96, 64)


def colorful(seed: int = 0) -> Array:
    """Return an image of 4x4 squares in random colors, (64, 96, 3) BGR."""
    squares = np.random.RandomState(seed).randint(0, 256, (SIZE[1] // 4, SIZE[0] // 4, 3), np.uint8)
    return np.ascontiguousarray(squares.repeat(4, axis=0).repeat(4, axis=1))


def decoded(matrix: ColorMatrix, colorspace: int | None = None) -> av.VideoFrame:
    """Return a frame as a decoder would."""
    frame = av.VideoFrame.from_ndarray(colorful(), format="bgr24")
    frame = frame.reformat(format="yuv420p", dst_colorspace=matrix.name, dst_color_range="MPEG")
    frame.colorspace = matrix.code if colorspace is None else colorspace
    return frame


def planes_of(frame: av.VideoFrame) -> list[Array]:
    return [
        np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width].copy()
        for plane in frame.planes
    ]


def plain_planes(picture: Array, matrix: ColorMatrix) -> list[Array]:
    """Return Y, U and V computed from their definition in float64."""
    blue, green, red = np.moveaxis(picture.astype(np.float64) / 255, 2, 0)
    luma = matrix.red * red + (1 - matrix.red - matrix.blue) * green + matrix.blue * blue
    chroma = [(part - luma) / (2 * (1 - weight)) for part, weight in ((blue, matrix.blue), (red, matrix.red))]
    halves = [part.reshape(SIZE[1] // 2, 2, SIZE[0] // 2, 2).mean(axis=(1, 3)) for part in chroma]
    return [16 + 219 * luma, *(128 + 224 * half for half in halves)]


@pytest.mark.parametrize("matrix", [BT601, BT709], ids=lambda matrix: matrix.name)
def test_drawn_parts_are_converted_and_the_others_stay_as_decoded(matrix: ColorMatrix) -> None:
    frame, picture = decoded(matrix), colorful(1)
    before = planes_of(frame)
    copied = planes_of(copy_with_parts(frame, picture, [(9, 13, 31, 30), (90, -5, 200, 11)], matrix))
    is_drawn = np.zeros((SIZE[1], SIZE[0]), bool)
    is_drawn[12:30, 8:32] = is_drawn[:12, 90:] = True
    for plane, old, new, drawn in zip(
        copied,
        before,
        plain_planes(picture, matrix),
        [is_drawn, is_drawn[::2, ::2], is_drawn[::2, ::2]],
        strict=True,
    ):
        np.testing.assert_array_equal(plane[~drawn], old[~drawn])
        np.testing.assert_allclose(plane[drawn], new[drawn], rtol=0, atol=1.01)
    for plane, old in zip(planes_of(frame), before, strict=True):
        np.testing.assert_array_equal(plane, old)


@pytest.mark.parametrize("parts", [[], [(200, 0, 300, 20)], [(10, 10, 10, 30)]])
def test_without_drawn_pixels_the_copy_equals_the_frame(parts: list[tuple[int, int, int, int]]) -> None:
    frame = decoded(BT709)
    for plane, old in zip(
        planes_of(copy_with_parts(frame, colorful(1), parts, BT709)), planes_of(frame), strict=True
    ):
        np.testing.assert_array_equal(plane, old)


def test_parts_that_overlap_much_are_converted_as_one() -> None:
    whole = [(0, 0, SIZE[0], SIZE[1])]
    once, often = (
        planes_of(copy_with_parts(decoded(BT709), colorful(1), parts, BT709)) for parts in (whole, whole * 3)
    )
    for plane, other in zip(once, often, strict=True):
        np.testing.assert_array_equal(plane, other)


@pytest.mark.parametrize(
    ("colorspace", "matrix"),
    [(1, BT709), (2, BT601), (5, BT601), (6, BT601)],
    ids=["709", "none", "470", "170"],
)
def test_the_matrix_is_that_of_the_image(colorspace: int, matrix: ColorMatrix) -> None:
    frame = decoded(matrix, colorspace)
    assert matrix_of(frame) is matrix
    image = frame.to_ndarray(format="bgr24").astype(int)
    error = np.abs(image - colorful())[1::4, 1::4]
    assert np.median(error) <= 3, "another matrix changes saturated colors by tens of levels"


@pytest.mark.parametrize(
    ("size", "pixels", "color_range", "colorspace"),
    [
        ((96, 64), "yuvj420p", 2, 1),
        ((96, 64), "yuv420p", 2, 1),
        ((96, 64), "yuv444p", 1, 1),
        ((96, 64), "yuv420p10le", 1, 1),
        ((96, 64), "yuv420p", 1, 9),
        ((95, 64), "yuv420p", 1, 1),
        ((96, 63), "yuv420p", 1, 1),
    ],
)
def test_frames_in_other_formats_have_no_matrix(
    size: tuple[int, int], pixels: str, color_range: int, colorspace: int
) -> None:
    frame = av.VideoFrame(*size, pixels)
    frame.color_range, frame.colorspace = color_range, colorspace
    assert matrix_of(frame) is None


def write_source(path: Path, colorspace: int) -> Path:
    """Write a nearly lossless video of five frames with this matrix."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"qp": "1", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.colorspace = colorspace
        for number in range(5):
            frame = decoded(BT709 if colorspace == 1 else BT601)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("colorspace", "written"), [(1, 1), (6, 6), (2, 6)])
def test_a_written_video_has_the_matrix_of_its_source(tmp_path: Path, colorspace: int, written: int) -> None:
    path = write_source(tmp_path / "source.mp4", colorspace)
    with open_source(str(path)) as source:
        writer = VideoWriter(tmp_path / "out.mp4", source)
        for frame in source:
            assert frame.decoded is not None
            picture = frame.image.copy()
            picture[20:40, 30:50] = (0, 0, 255)
            # The last frame is converted as a whole, as if it came from another reader.
            is_last = frame.index == 4
            shown = Frame(frame.name, frame.image, frame.index, frame.time_s) if is_last else frame
            writer.write(shown, Picture(picture, [(30, 20, 50, 40)]))
        writer.finish()
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [frame.colorspace for frame in frames] == [written] * 5
    for frame in frames:
        image = frame.to_ndarray(format="bgr24").astype(int)
        np.testing.assert_allclose(image[24:36, 34:46], np.broadcast_to((0, 0, 255), (12, 12, 3)), atol=12)
        assert np.median(np.abs(image - colorful())[1::4, 1::4]) <= 8
