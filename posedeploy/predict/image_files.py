"""Image files as a source: a single file, or those of a folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from posedeploy.errors import InputError, MissingPackageError
from posedeploy.input_files import describe_special_file, is_apple_double
from posedeploy.predict.distinct_names import list_distinct_names
from posedeploy.predict.frames import Frame, Kind, Source
from posedeploy.predict.images import SUFFIXES, is_image, read_picture
from posedeploy.printable import counted, listed, printable

MAX_NAMES = 12
"""Number of skipped files that a remark names; ``Source.skipped`` has all of them."""


class Images(Source):
    """Image files. If there are several, an unreadable one is left out and reported in ``problems``."""

    kind: Kind = "images"

    def __init__(
        self,
        name: str,
        inputs: tuple[Path, ...],
        names: tuple[str, ...] | None = None,
        skipped: tuple[str, ...] = (),
    ) -> None:
        """
        Args:
            names: the names of the frames; None for a single file, which has its own name.
        """
        super().__init__(name, inputs, len(inputs), skipped)
        self._names = names

    def select(self, positions: Collection[int]) -> Images:
        """Return the source of the images at these positions, with their names."""
        inputs = tuple(path for index, path in enumerate(self.inputs) if index in positions)
        names = tuple(name for index, name in enumerate(self.frame_names) if index in positions)
        is_single_file = self._names is None and bool(inputs)
        selected = Images(self.name, inputs, None if is_single_file else names)
        # The reasons why images are left out go to the whole source.
        selected.problems, selected.remarks = self.problems, self.remarks
        return selected

    @property
    def frame_names(self) -> tuple[str, ...]:
        return super().frame_names if self._names is None else self._names

    def __iter__(self) -> Iterator[Frame]:
        for index, (path, name) in enumerate(zip(self.inputs, self.frame_names, strict=True)):
            try:
                picture = read_picture(path)
            except (InputError, MissingPackageError) as error:
                if self._names is None:
                    raise
                self.problems.append(str(error))
                continue
            if picture.remark is not None:
                self.remarks.append(f"{name}: {picture.remark}")
            yield Frame(name, picture.pixels, index)


def open_images(path: Path, *, recursive: bool = False, without: Path | None = None) -> Images:
    """Open an image, or the images of a folder.

    Args:
        recursive: include the images of subfolders.
        without: a subfolder to leave out, such as the output folder.

    Raises:
        InputError: the path does not exist, is not an image, or is a folder without images.
    """
    if path.is_dir():
        return _open_folder(path, recursive, without)
    if recursive:
        raise InputError(f"`recursive`: {path} is not a folder; leave it out")
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; pass an image or a folder of images")
    if not is_image(path):
        raise InputError(f"{path}: not an image; pass an image or a folder of images")
    return Images(path.name, (path,))


def open_several(paths: Sequence[Path]) -> Images:
    """Open images and the images of folders as one source. Each file is read once.

    The frames of several folders are named after their folder too, and after as many folders above as tell
    equal names apart.

    Raises:
        InputError: as in ``open_images``, for any of the paths.
    """
    sources = [open_images(path) for path in paths]
    if len(sources) == 1:
        return sources[0]
    named: dict[Path, tuple[Path, str]] = {}
    for path, source in zip(paths, sources, strict=True):
        prefix = f"{printable(source.name)}/" if path.is_dir() else ""
        for file, name in zip(source.inputs, source.frame_names, strict=True):
            named.setdefault(file.resolve(), (file, prefix + name))
    files = tuple(file for file, _ in named.values())
    names = tuple(list_distinct_names([*named.values()]))
    merged = Images(", ".join(source.name for source in sources), files, names)
    for source in sources:
        merged.problems += source.problems
        merged.remarks += source.remarks
    return merged


def _open_folder(folder: Path, recursive: bool, without: Path | None) -> Images:
    files, below, unread = _listed(folder, recursive, without)
    images: list[Path] = []
    skipped: list[Path] = []
    for file in files:
        (images if is_image_file(file) else skipped).append(file)
    if not images:
        hint = f", or read its {counted(len(below), 'subfolder')} with `recursive`" if below else ""
        raise InputError(
            f"{folder}: none of its {len(files)} files is an image; pass a folder with files that end in "
            f"{', '.join(SUFFIXES)}{hint}"
        )
    names = tuple(printable(file.relative_to(folder).as_posix()) for file in skipped)
    source = Images(folder.resolve().name, tuple(images), relative_names(images, folder), names)
    source.problems += unread
    source.remarks += describe_skipped_files(names, skipped)
    if below:
        subfolders = f"{counted(len(below), 'subfolder')}: {listed(below, MAX_NAMES)}"
        source.remarks.append(f"skipped {subfolders}; read them too with `recursive`")
    return source


def relative_names(images: Sequence[Path], folder: Path) -> tuple[str, ...]:
    """Return the names of frames: the paths of the images relative to their folder."""
    return tuple(printable(path.relative_to(folder).as_posix()) for path in images)


def _listed(folder: Path, recursive: bool, without: Path | None) -> tuple[list[Path], list[str], list[str]]:
    """Return the files in order, the subfolders that are not read, and why others cannot be read.

    Raises:
        InputError: the folder itself cannot be read.
    """
    errors: list[OSError] = []
    files: list[Path] = []
    below: list[str] = []
    skipped = without.resolve() if without is not None else None
    for parent, folders, names in os.walk(folder, onerror=errors.append):
        files += [Path(parent, name) for name in names]
        folders[:] = [name for name in folders if Path(parent, name).resolve() != skipped]
        if not recursive:
            below = sorted(map(printable, folders))
            break
    unread = [f"{error.filename}: cannot be read ({error.strerror})" for error in errors]
    if unread and not files and not below:
        raise InputError(f"{unread[0]}; pass a readable folder")
    return (
        sorted(file for file in files if not is_apple_double(file)),
        below,
        [printable(reason) for reason in unread],
    )


def describe_skipped_files(names: Sequence[str], files: Sequence[Path]) -> list[str]:
    """Return a remark that names the files that are not images; an empty list if there are none."""
    if not files:
        return []
    shown = [name + _file_kind(file) for name, file in zip(names[:MAX_NAMES], files, strict=False)]
    clause = "that is not an image" if len(names) == 1 else "that are not images"
    return [f"skipped {counted(len(names), 'file')} {clause}: {listed(shown, count=len(names))}"]


def is_image_file(file: Path) -> bool:
    """Return whether a path is a regular image file, or an unreadable file named like one."""
    try:
        return file.is_file() and is_image(file)
    except OSError:  # read_picture reports it
        return file.suffix.lower() in SUFFIXES


def _file_kind(file: Path) -> str:
    """Return what a file is, in parentheses, if it is not a regular file."""
    try:
        kind = describe_special_file(file.stat())
    except OSError as error:
        return f" ({error.strerror})"
    return f" ({kind})" if kind is not None else ""
