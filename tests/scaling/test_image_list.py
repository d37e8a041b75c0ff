"""The images of a job."""

from __future__ import annotations

import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from posedeploy.api.writing_poses import PredictSettings
from posedeploy.errors import InputError, MissingPackageError, PoseDeployError
from posedeploy.scaling.image_list import ImageList, read_location
from posedeploy.scaling.job_source import open_job_source
from posedeploy.scaling.shard_job import ShardJob, find_location
from posedeploy.types import RunOptions


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``a.png`` and ``sub/b c.png`` in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    cv2.imwrite("a.png", np.full((4, 6, 3), 7, np.uint8))
    cv2.imwrite("sub/b c.png", np.full((4, 6, 3), 9, np.uint8))


def _list(source: str, **arguments: bool) -> ImageList:
    settings = PredictSettings(recursive=arguments.get("recursive", False))
    job = ShardJob(
        source=source,
        location=find_location(source),
        model=Path(),
        settings=settings,
        options=RunOptions(),
        folder=Path("out").absolute(),
    )
    content = open_job_source(job, 256)
    assert isinstance(content, ImageList)
    return content


def _locations(source: str, **arguments: bool) -> list[str]:
    return [image.location for image in _list(source, **arguments).images]


def _write_table(**columns: list[object]) -> str:
    parquet.write_table(pa.table(columns), "list.parquet")
    return "list.parquet"


@pytest.mark.parametrize("content", ["a.png\nsub/b c.png\n", "\ufeffa.png\r\n\r\n  sub/b c.png"])
def test_a_text_list_has_paths_relative_to_its_folder(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.txt").write_text(content)
    assert _locations("list.txt") == [str(tmp_path / "a.png"), str(tmp_path / "sub/b c.png")]


def test_a_list_contains_urls_and_absolute_paths(tmp_path: Path) -> None:
    urls = [f"file://{tmp_path}/a.png", "memory://bucket/a.png", str(tmp_path / "a.png")]
    (tmp_path / "list.txt").write_text("\n".join(urls))
    assert _locations("list.txt") == [str(tmp_path / "a.png"), urls[1], urls[2]]


@pytest.mark.parametrize(
    "columns",
    [
        {"path": ["a.png", None, "sub/b c.png"]},
        {"label": ["x", "y"], "url": ["a.png", "sub/b c.png"]},
        {"number": [1, 2], "anything": ["a.png", "sub/b c.png"]},
    ],
)
def test_a_parquet_list_has_a_column_of_paths(tmp_path: Path, columns: dict[str, list[object]]) -> None:
    assert _locations(_write_table(**columns)) == [str(tmp_path / "a.png"), str(tmp_path / "sub/b c.png")]


def test_folders_and_patterns_are_those_of_predict(tmp_path: Path) -> None:
    assert [image.name for image in _list(".", recursive=True).images] == ["a.png", "sub/b c.png"]
    assert _locations("**/*.png") == [str(tmp_path / "a.png"), str(tmp_path / "sub/b c.png")]
    assert _list("a.png").is_single and not _list(".").is_single


def test_object_storage_is_listed_and_read(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("/bucket/x/a.png", "/bucket/x/deep/b.png", "/bucket/x/notes.csv"):
        memory.pipe_file(name, (tmp_path / "a.png").read_bytes())
    assert _locations("memory://bucket/x") == ["memory:///bucket/x/a.png"]
    assert len(_locations("memory://bucket/x", recursive=True)) == 2
    assert _locations("memory://bucket/x/deep/*.png") == ["memory:///bucket/x/deep/b.png"]
    assert _list("memory://bucket/x/a.png").is_single
    assert (read_location("memory:///bucket/x/a.png").pixels == 7).all()


def test_images_are_read_from_a_web_server(tmp_path: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert (read_location(f"{url}/sub/b%20c.png").pixels == 9).all()
        with pytest.raises(InputError, match=r"nothing\.png: cannot be read \(no such file\)"):
            read_location(f"{url}/nothing.png")
        server.shutdown()


def _text(content: bytes) -> str:
    Path("list.txt").write_bytes(content)
    return "list.txt"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda: _text(b""), "list.txt: the list of images is empty; write one path or URL on each line"),
        (lambda: _text(b"a\xff.png"), "list.txt: not a list of images: it is not UTF-8"),
        (lambda: _text(b"abc://x/y.png"), "abc://x/y.png: unknown URL scheme abc"),
        (lambda: "missing.txt", "missing.txt: no such file; pass a list of images"),
        (lambda: "missing", "missing: no such file or folder"),
        (
            lambda: "memory://nothing",
            "memory:///nothing: no such folder or bucket; check the URL",
        ),
        (
            lambda: _write_table(a=["x"], b=["y"]),
            "no column of paths: it has the columns a, b; rename the text column with the paths to path or",
        ),
        (lambda: _write_table(path=[3]), "no column of paths: it has the columns path"),
        (lambda: Path("list.parquet").write_bytes(b"PAR1") and "list.parquet", "not a readable Parquet file"),
    ],
)
def test_an_unusable_source_is_refused(source: object, message: str) -> None:
    with pytest.raises(InputError) as error:
        list(_list(source()).images)  # type: ignore[operator]
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("memory:///nothing.png", "memory:///nothing.png: cannot be read (no such file)"),
        (
            "http://127.0.0.1:9/a.png",
            "http://127.0.0.1:9/a.png: cannot be read (Cannot connect to host 127.0.0.1:9",
        ),
        ("nothing.png", "nothing.png: no such file"),
    ],
)
def test_an_unreadable_image_is_refused(location: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_location(location)
    assert message in str(error.value)


def test_the_package_of_an_object_storage_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    Path("list.txt").write_text("s3://user:secret@bucket/a.png")
    with pytest.raises(PoseDeployError, match="s3fs") as error:
        list(_list("list.txt").images)
    assert isinstance(error.value, MissingPackageError) and "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "memory://nobucket/x",
            r"nobucket/x: no such folder or bucket; check the URL",
        ),
        (
            "memory://bucket/clip.mp4",
            r"bucket/clip\.mp4: not an image; expected .* copy it to a folder that all",
        ),
    ],
)
def test_missing_buckets_and_videos_in_object_storage_are_refused(url: str, message: str) -> None:
    import fsspec

    fsspec.filesystem("memory").pipe_file("/bucket/clip.mp4", b"video")
    with pytest.raises(InputError, match=message):
        _list(url)
