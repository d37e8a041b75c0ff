"""The images of a job: those of a folder, a pattern, object storage, or a list in a text or Parquet file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from posedeploy.errors import InputError
from posedeploy.input_files import check_regular
from posedeploy.predict.image_files import Images
from posedeploy.predict.images import Picture, decode_picture, read_picture
from posedeploy.predict.urls import hide_password, local_path, scheme_of
from posedeploy.printable import printable
from posedeploy.scaling.image_urls import check_scheme, list_image_urls, read_url

LIST_SUFFIXES = (".txt", ".parquet")
COLUMNS = ("path", "url", "uri", "file_name", "image")
"""The names of the column of paths in a Parquet file, in order of preference."""
BATCH_ROWS = 65_536


@dataclass(frozen=True)
class ImageRef:
    """One image of a job. name: its name in the results. location: its absolute path or its URL."""

    name: str
    location: str


@dataclass(frozen=True)
class ImageList:
    """The images of a job.

    images: can be iterated once. is_single: the source is one image, and not a list. skipped, problems,
    remarks: as in ``predict.frames.Source``.
    """

    name: str
    images: Iterable[ImageRef]
    is_single: bool = False
    skipped: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def list_images(source: str, *, recursive: bool) -> ImageList:
    """Return the images of a list, or of a folder in object storage.

    Raises:
        InputError: the list or folder cannot be read, or has no images.
    """
    source = local_path(source)
    if scheme_of(source) is not None:
        return _list_urls(source, recursive)
    path = Path(source)
    check_regular(path, "a list of images")
    lines = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_lines(path)
    return ImageList(path.name, _resolve(lines, path))


def is_image_list(source: str) -> bool:
    """Return whether a source is a file with a list of images, or a URL."""
    path = Path(local_path(source))
    return scheme_of(local_path(source)) is not None or (
        path.suffix.lower() in LIST_SUFFIXES and not path.is_dir()
    )


def list_opened_images(source: Images, *, is_file: bool) -> ImageList:
    """Return the images of an open source.

    Args:
        is_file: the source is the path of one image.
    """
    names = zip(source.frame_names, source.inputs, strict=True)
    refs = [ImageRef(name, str(location.absolute())) for name, location in names]
    problems, remarks = tuple(source.problems), tuple(source.remarks)
    return ImageList(source.name, refs, len(refs) == 1 and is_file, source.skipped, problems, remarks)


def read_location(location: str) -> Picture:
    """Read the image at a path or a URL.

    Raises:
        InputError: it cannot be read or is not an image.
        MissingPackageError: a package that reads its format is not installed.
    """
    if scheme_of(location) is None:
        return read_picture(Path(location))
    return decode_picture(hide_password(location), read_url(location))


def _list_urls(url: str, recursive: bool) -> ImageList:
    urls = list(list_image_urls(url, recursive=recursive))
    if not urls:
        hint = "" if recursive else ", or read its subfolders with `recursive`"
        raise InputError(f"{hide_password(url)}: no image found; check the path{hint}")
    return ImageList(
        hide_password(url), [ImageRef(hide_password(each), each) for each in urls], urls == [url]
    )


def _read_lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from filter(None, map(str.strip, file))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a list of images: it is not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); pass a list of images") from error


def _read_parquet(path: Path) -> Iterator[str]:
    try:
        with parquet.ParquetFile(path) as file:
            column = _choose_column(path, file.schema_arrow)
            for batch in file.iter_batches(BATCH_ROWS, columns=[column]):
                yield from filter(None, batch.column(0).to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}); pass a list of images") from error


def _choose_column(path: Path, schema: pa.Schema) -> str:
    texts = [
        field.name
        for field in schema
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]
    named = [name for name in COLUMNS if name in texts]
    if named or len(texts) == 1:
        return (named or texts)[0]
    raise InputError(
        f"{path}: no column of paths: it has the columns {', '.join(map(printable, schema.names))}; "
        f"rename the text column with the paths to {' or '.join(COLUMNS[:3])}"
    )


def _resolve(lines: Iterable[str], path: Path) -> Iterator[ImageRef]:
    """Yield the images of a list. Relative paths are relative to the folder of the list.

    Raises:
        InputError: the list is empty, or contains a URL of an unknown scheme.
    """
    folder, schemes = path.absolute().parent, {None, "file"}
    count = 0
    for count, line in enumerate(lines, 1):  # noqa: B007, used after the loop
        scheme = scheme_of(line)
        if scheme not in schemes:
            check_scheme(line)
            schemes.add(scheme)
        is_url = scheme not in (None, "file")
        yield ImageRef(printable(hide_password(line)), line if is_url else str(folder / local_path(line)))
    if not count:
        raise InputError(f"{path}: the list of images is empty; write one path or URL on each line")
