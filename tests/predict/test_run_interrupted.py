"""After interruptions and errors, results are complete or absent."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from posedeploy.errors import OutputError
from posedeploy.predict.run import predict
from posedeploy.predict.sources import open_source
from posedeploy.types import Array, Artifact, Tensors
from tests.predict.conftest import CrowdRunner, MakeVideo, write_image
from tests.predict.prediction_cases import document, read_video, run


def test_ctrl_c_keeps_the_frames_up_to_then(artifact: Artifact, tmp_path: Path, video: MakeVideo) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    prediction = run(video(frames=50), artifact, tmp_path / "out", interrupt)
    assert prediction.problems == ("clip.avi: stopped by Ctrl-C; the frames so far are kept",)
    assert 5 <= prediction.frames < 20
    assert len(read_video(tmp_path / "out" / "clip.mp4")) == prediction.frames
    assert len(document(tmp_path / "out")["images"]) == prediction.frames


def test_ctrl_c_before_the_first_frame_interrupts_the_run(
    artifact: Artifact, tmp_path: Path, video: MakeVideo
) -> None:
    class Interrupted(CrowdRunner):
        def _stream(self, batches: Iterator[Tensors]) -> Generator[Tensors, None, None]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(open_source(str(video())), Interrupted(artifact.spec), artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_error_keeps_the_previous_results(artifact: Artifact, tmp_path: Path, video: MakeVideo) -> None:
    def fail(done: int, total: int | None) -> None:
        raise RuntimeError("a bug")

    folder = tmp_path / "out"
    run(video(frames=3), artifact, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(RuntimeError, match="a bug"):
        run(video(frames=50), artifact, folder, fail)
    assert not [path for path in map(os.path.realpath, Path("/proc/self/fd").glob("*")) if "clip.mp4" in path]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("place", ["file", "/proc/posedeploy"])
def test_an_output_folder_that_cannot_be_written_is_refused(
    place: str, artifact: Artifact, tmp_path: Path, photo: Array
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / place
    with pytest.raises(OutputError, match=re.escape(f"{folder}: cannot write here (")):
        run(write_image(tmp_path / "a.png", photo), artifact, folder)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Limit all files to ``size`` bytes. As on a full disk, a write then stops in the middle."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("kind", ["image", "video"])
def test_a_full_disk_is_an_output_error(
    kind: str, artifact: Artifact, tmp_path: Path, photo: Array, video: MakeVideo
) -> None:
    source = write_image(tmp_path / "a.png", photo) if kind == "image" else video(frames=20)
    folder = tmp_path / "out"
    run(source, artifact, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with (
        largest_file(8000),
        pytest.raises(OutputError, match=r"out: writing failed .*no partial files were left"),
    ):
        run(source, artifact, folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
