from __future__ import annotations

import os
import re
import shutil
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
import pytest

from posedeploy.errors import InputError
from posedeploy.predict.frames import Source
from posedeploy.predict.opencv_video import WITHOUT_PYAV, OpenCvReader
from posedeploy.predict.opencv_writer import OpenCvWriter
from posedeploy.predict.pictures import Picture
from posedeploy.predict.sources import open_source
from posedeploy.predict.video_reader import VideoReader
from posedeploy.predict.video_writer import VideoWriter
from tests.predict.videos import MARK, SIZE, cut, make_video, picture, stamps_of

VARIABLE = (1, 2, 3, 6, 7, 19, 20, 41, 42, 100, 101, 102)
AS_AAC = "the sound is written as AAC, because MP4 players do not play"
MILLISECONDS = Fraction(1, 1000)


def rewritten(source: Source, path: Path) -> tuple[list[float], list[str]]:
    """Write the frames of a source unchanged. Return their times and the writer's remarks."""
    writer = VideoWriter(path, source)
    times = []
    for frame in source:
        assert frame.time_s is not None
        times.append(frame.time_s)
        writer.write(frame, Picture(frame.image))
    writer.finish()
    return times, writer.remarks


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
@pytest.mark.parametrize("time_base", [MILLISECONDS, Fraction(1, 25), Fraction(1001, 30000)])
def test_times_are_kept(name: str, time_base: Fraction, tmp_path: Path) -> None:
    path = make_video(tmp_path / name, stamps=VARIABLE, time_base=time_base)
    with open_source(str(path)) as source:
        times, remarks = rewritten(source, tmp_path / "written.mp4")
        assert (len(times), source.problems, source.remarks, remarks) == (len(VARIABLE), [], [], [])
    stamps = stamps_of(path)
    assert times == [float(stamp) for stamp in stamps]
    assert stamps_of(tmp_path / "written.mp4") == stamps
    span = float(stamps[-1] - stamps[0])
    assert source.fps == pytest.approx((len(VARIABLE) - 1) / span, rel=0.02)


def test_a_reader_that_is_ahead_of_the_writer_does_not_change_the_video(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", stamps=VARIABLE, time_base=MILLISECONDS * 10)
    with open_source(str(path)) as source:
        rewritten(source, tmp_path / "in turn.mp4")
    with open_source(str(path)) as source:
        writer = VideoWriter(tmp_path / "ahead.mp4", source)
        for frame in list(source):
            writer.write(frame, Picture(frame.image))
        writer.finish()
    assert (tmp_path / "ahead.mp4").read_bytes() == (tmp_path / "in turn.mp4").read_bytes()


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("live.webm", "libvpx", "yuv420p"),
        ("ten.mp4", "libx265", "yuv420p10le"),
        ("ten.mkv", "libx264", "yuv420p10le"),
        ("a.mov", "prores", "yuv422p10le"),
        ("a.avi", "mjpeg", "yuvj420p"),
        ("a.flv", "flv", "yuv420p"),
        ("a.ts", "libx264", "yuv420p"),
        ("a.mpg", "mpeg2video", "yuv420p"),
        ("a.wmv", "wmv2", "yuv420p"),
        ("odd.mkv", "ffv1", "yuv444p"),
    ],
)
def test_every_video_format_is_read(name: str, codec: str, pix_fmt: str, tmp_path: Path) -> None:
    size = (127, 95) if name.startswith("odd") else SIZE
    container = {"live": "1"} if name.startswith("live") else {}
    path = make_video(tmp_path / name, codec, pix_fmt=pix_fmt, size=size, **container)
    with open_source(str(path)) as source:
        frames = list(source)
        assert (len(frames), source.problems) == (20, [])
    assert frames[0].image.shape == (size[1], size[0], 3)
    expected = cv2.resize(picture(5), size).astype(int)
    assert np.abs(frames[5].image - expected).mean() < 20
    times = [frame.time_s for frame in frames if frame.time_s is not None]
    np.testing.assert_allclose(np.diff(times), 0.04, atol=0.002)
    assert times[0] < 0.1


def test_videos_are_written_as_h264(tmp_path: Path) -> None:
    path = make_video(tmp_path / "odd.mkv", "ffv1", pix_fmt="yuv444p", size=(127, 95))
    with VideoReader(path) as source:
        rewritten(source, tmp_path / "w.mp4")
    with av.open(str(tmp_path / "w.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec.canonical_name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.frames) == (128, 96, 20)
    content = (tmp_path / "w.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "playing starts before all is loaded"


@pytest.mark.parametrize(
    ("sound", "name", "written", "note"),
    [
        ("aac", "a.mp4", "aac", []),
        ("libopus", "a.webm", "opus", []),
        ("mp3", "a.mkv", "mp3", []),
        ("aac", "a.ts", "aac", []),
        ("pcm_s16le", "a.mov", "aac", [f"{AS_AAC} pcm_s16le"]),
        ("mp2", "a.ts", "aac", [f"{AS_AAC} mp2"]),
        ("adpcm_ima_wav", "a.avi", "aac", [f"{AS_AAC} adpcm_ima_wav"]),
        (
            "libmp3lame",
            "low.mkv",
            "aac",
            ["the sound is written as AAC, because MP4 does not support mp3 at 8000 Hz"],
        ),
    ],
)
def test_sound_is_copied(sound: str, name: str, written: str, note: list[str], tmp_path: Path) -> None:
    codec = "libvpx" if name.endswith("webm") else "libx264"
    rate = 8000 if name.startswith("low") else 48000
    path = make_video(tmp_path / name, codec, sound=sound, sound_rate=rate)
    with VideoReader(path) as source:
        _, remarks = rewritten(source, tmp_path / "w.mp4")
        assert source.sound is not None and not source.sound.packets
    with VideoReader(path) as source:
        assert len(list(source)) == 20
        assert source.sound is not None and not source.sound.packets, "nobody writes it, so nothing waits"
    assert remarks == [f"w.mp4: {sentence}" for sentence in note]
    with av.open(str(tmp_path / "w.mp4")) as container:
        assert container.streams.audio[0].codec.canonical_name == written
    before, after = stamps_of(path, "audio"), stamps_of(tmp_path / "w.mp4", "audio")
    shift = float(stamps_of(path)[0] - stamps_of(tmp_path / "w.mp4")[0])
    assert float(after[0]) + shift == pytest.approx(float(before[0]), abs=0.05)
    assert float(after[-1]) + shift == pytest.approx(
        float(before[-1]), abs=0.12
    )  # MP2 packets hold several frames
    if not note:
        assert len(after) == pytest.approx(len(before), abs=1)


@pytest.mark.parametrize(
    ("sound", "name", "old", "new", "remark"),
    [
        ("mp2", "a.mkv", b"A_MPEG/L2", b"A_QUIET/2", "cannot decode its unknown codec"),
        ("mp2", "a.mkv", b"A_MPEG/L2", b"A_VORBIS\0", "cannot decode vorbis"),
        ("adpcm_ima_wav", "a.avi", None, b"\xff" * 24, "packet of the sound of the source cannot"),
    ],
)
def test_sound_that_cannot_be_decoded_is_left_out(
    sound: str, name: str, old: bytes | None, new: bytes, remark: str, tmp_path: Path
) -> None:
    path = make_video(tmp_path / name, "mpeg4", sound=sound)
    content = path.read_bytes()
    if old is None:  # the header of the sixth block
        first = [match.end() for match in re.finditer(b"01wb....", content, re.DOTALL)][5]
        old = content[first : first + len(new)]
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    with VideoReader(path) as source:
        times, remarks = rewritten(source, tmp_path / "w.mp4")
    assert len(times) == 20
    assert remark in remarks[-1]


def test_the_decoder_of_sound_has_the_parameters_of_the_container(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.wmv", "wmv2", sound="wmav2", sound_rate=44100)
    with VideoReader(path) as source:
        _, remarks = rewritten(source, tmp_path / "w.mp4")
    assert remarks == [f"w.mp4: {AS_AAC} wmav2"]
    assert stamps_of(tmp_path / "w.mp4", "audio")[-1] == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
@pytest.mark.parametrize("reader", [VideoReader, OpenCvReader])
def test_a_rotated_video_is_read_upright(rotation: int, reader: type[VideoReader], tmp_path: Path) -> None:
    path = make_video(tmp_path / "phone.mp4", rotation=rotation)
    upright = np.rot90(picture(), rotation // 90)
    with reader(path) as source:
        image = next(iter(source)).image
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 12


@pytest.mark.parametrize(("rotation", "aspect"), [(0, Fraction(64, 45)), (90, Fraction(45, 64))])
def test_pixels_that_are_not_square_keep_their_aspect_ratio(
    rotation: int, aspect: Fraction, tmp_path: Path
) -> None:
    turn = rotation or None
    path = make_video(tmp_path / "dv.mp4", stamps=range(2), rotation=turn, pixel_aspect=Fraction(64, 45))
    with VideoReader(path) as source:
        rewritten(source, tmp_path / "w.mp4")
    with av.open(str(tmp_path / "w.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == aspect


def test_rotated_pictures_differ_in_their_corners() -> None:
    assert picture()[: MARK[1], : MARK[0]].min() == 255 and picture().mean() < 200


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("a.mp4", "libx264", {"movflags": "faststart"}),
        ("a.mp4", "mpeg4", {"movflags": "frag_keyframe+empty_moov"}),
        ("a.mkv", "libx264", {}),
        ("a.mkv", "libx264", {"live": "1"}),
        ("a.webm", "libvpx", {}),
        ("a.avi", "mpeg4", {}),
        ("a.flv", "flv", {}),
        ("a.wmv", "wmv2", {}),
        ("a.mjpeg", "mjpeg", {}),
        ("a.gif", "gif", {}),
        ("a.apng", "apng", {}),
    ],
)
def test_a_truncated_video_is_reported_and_a_complete_one_is_not(
    name: str, codec: str, container: dict[str, str], tmp_path: Path
) -> None:
    pix_fmt = {"mjpeg": "yuvj420p", "gif": "rgb8", "apng": "rgb24"}.get(codec, "yuv420p")
    path = make_video(tmp_path / name, codec, stamps=range(40), pix_fmt=pix_fmt, **container)
    with open_source(str(path)) as source:
        assert (len(list(source)), source.problems) == (40, [])
    with open_source(str(cut(path, 0.8))) as source:
        done = len(list(source))
        assert 5 < done < 40
        (problem,) = source.problems
    assert re.fullmatch(
        re.escape(f"{path}: decoding ended at frame {done}")
        + f"( of 40)?: the file is damaged or truncated; the results hold {done} frames",
        problem,
    )


def test_frames_are_not_kept_in_memory(tmp_path: Path) -> None:
    path = make_video(tmp_path / "long.mp4", "mpeg4", stamps=range(160), size=(640, 480))
    used = []
    with open_source(str(path)) as source:
        for frame in source:
            if frame.index in (40, 159):
                used.append(psutil.Process().memory_info().rss)
    assert used[1] - used[0] < 30 * 640 * 480 * 3, "of the 120 frames between the two"


def test_a_file_that_is_not_a_video_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as output:
        track = output.add_stream("aac", rate=48000)
        output.mux(track.encode(None))
    make_video(tmp_path / "a.mp4", sound="aac")
    with av.open(str(tmp_path / "a.mp4")) as source, av.open(str(tmp_path / "tone.m4a"), "w") as output:
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    with pytest.raises(InputError, match=r"tone\.m4a: no video stream, only audio; pass a video"):
        open_source(str(tmp_path / "tone.m4a"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is Unicode")
@pytest.mark.parametrize("name", [b"v\xe9.mp4", b"a b:c\nd.mp4", b"-v.mp4", b"%d.mp4", b"concat:x.mp4"])
def test_any_file_name_is_accepted(name: bytes, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    shutil.move(make_video(tmp_path / "clip.mp4"), path)
    with open_source(str(path)) as source:
        assert len(list(source)) == 20
    if name == b"v\xe9.mp4":
        with pytest.raises(InputError, match=r"v\\xe9\.mp4: OpenCV cannot open a file name that is not UTF"):
            OpenCvReader(path)


def test_the_rate_option_applies_to_formats_without_time_stamps(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mjpeg", "mjpeg", pix_fmt="yuvj420p")
    with open_source(str(path)) as source:
        assert [frame.time_s for frame in source][1] == 0.04
        assert source.remarks == [
            "a.mjpeg: mjpeg has no time stamps, so 25 frames per second are assumed; set "
            "another rate with `fps`"
        ]
    with open_source(str(path), fps=10) as source:
        assert [frame.time_s for frame in source][-1] == 1.9
        assert (source.fps, source.remarks) == (10, [])
    with pytest.raises(InputError, match=r"`fps=10`: b\.mp4 has its own time stamps; leave"):
        open_source(str(make_video(tmp_path / "b.mp4")), fps=10)


def test_opencv_reads_and_writes_without_pyav(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", stamps=VARIABLE, time_base=MILLISECONDS * 10)
    with OpenCvReader(path) as source:
        writer = OpenCvWriter(tmp_path / "w.mp4", source)
        times = []
        for frame in source:
            assert frame.time_s is not None
            times.append(frame.time_s)
            writer.write(frame, Picture(frame.image))
        writer.finish()
        assert (source.problems, source.remarks) == ([], [WITHOUT_PYAV])
    assert np.diff(times) == pytest.approx(np.diff(VARIABLE) / 100, abs=0.002)
    assert len(stamps_of(tmp_path / "w.mp4")) == len(VARIABLE)
    (remark,) = writer.remarks
    assert "written at a constant" in remark
    assert "to keep its times, pip install 'posedeploy[video]'" in remark
    with OpenCvReader(cut(make_video(tmp_path / "b.avi", "mjpeg", pix_fmt="yuvj420p"), 0.7)) as source:
        done = len(list(source))
        (problem,) = source.problems
    assert f"ended at frame {done}" in problem and "the results hold" in problem
