"""Search of a folder for the images that annotations list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from posedeploy.api.model_args import format_paths
from posedeploy.benchmarks.annotations import AnnotatedImage, Annotations
from posedeploy.errors import InputError
from posedeploy.input_files import exists_as_file
from posedeploy.printable import counted, listed

MAX_NAMES = 3
"""Maximum number of missing images named in a message."""


def find_images(annotations: Annotations, folders: Sequence[Path]) -> tuple[dict[int | str, Path], str]:
    """Return the files of the annotated images by their ids, and a message on missing ones, or ''.

    The folders are searched in order. A name may begin with folders that are not below one of them, with
    slashes or backslashes.

    Raises:
        InputError: no image exists.
    """
    names = {image.id: PurePosixPath(image.file_name.replace("\\", "/")) for image in annotations.images}
    last = Counter(name.name for name in names.values())
    paths = {}
    for image in annotations.images:
        is_unique = last[names[image.id].name] == 1
        matches = (_find_file(image, names[image.id], folder, is_unique=is_unique) for folder in folders)
        path = next(filter(None, matches), None)
        if path is not None:
            paths[image.id] = path
    missing = [image.file_name for image in annotations.images if image.id not in paths]
    if not missing:
        return paths, ""
    count = f"{len(missing)} of {counted(len(names), 'annotated image')}"
    message = f"`images={format_paths(folders)}`: {count} missing: {listed(missing, MAX_NAMES)}"
    if not paths:
        raise InputError(f"{message}; pass the folder that contains them")
    return paths, f"{message}; these images and their people are left out"


def _find_file(image: AnnotatedImage, name: PurePosixPath, folder: Path, *, is_unique: bool) -> Path | None:
    """Return the file of an image below the folder, by its name with all, some or none of its folders.

    Args:
        is_unique: whether no other annotated image has the same last part of its name.
    """
    parts = [part for part in name.parts if part not in ("/", "..")]
    tails = [folder / image.file_name, *(folder.joinpath(*parts[start:]) for start in range(len(parts)))]
    usable = tails if is_unique else tails[:-1] or tails
    return next((path for path in usable if exists_as_file(path)), None)
