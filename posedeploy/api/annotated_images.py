"""Which files in a folder are the images that annotations list."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

from posedeploy.benchmarks.annotations import AnnotatedImage, Annotations
from posedeploy.errors import InputError
from posedeploy.printable import counted, listed

SHOWN = 3
"""Names of missing images in a message."""


def find_images(annotations: Annotations, folder: Path) -> tuple[dict[int | str, Path], str]:
    """Return the files of the annotated images by their ids, and a sentence on those that are missing, or ''.

    A name may begin with folders that are not below ``folder``, with slashes or backslashes.

    Raises:
        InputError: none of the images is there.
    """
    names = {image.id: PurePosixPath(image.file_name.replace("\\", "/")) for image in annotations.images}
    last = Counter(name.name for name in names.values())
    found = {}
    for image in annotations.images:
        path = _file(image, names[image.id], folder, alone=last[names[image.id].name] == 1)
        if path is not None:
            found[image.id] = path
    missing = [image.file_name for image in annotations.images if image.id not in found]
    if not missing:
        return found, ""
    sentence = f"{len(missing)} of {counted(len(names), 'annotated image')} missing: {listed(missing, SHOWN)}"
    if not found:
        raise InputError(f"`images={folder}`: {sentence}; name the folder that has them")
    return found, f"`images={folder}`: {sentence}; left out, with the people in them"


def _file(image: AnnotatedImage, name: PurePosixPath, folder: Path, *, alone: bool) -> Path | None:
    """The file of an image: below the folder by its name, or by its name without some of the folders in it.

    Args:
        alone: no other annotated image has the same last part of its name.
    """
    parts = [part for part in name.parts if part not in ("/", "..")]
    tails = [folder / image.file_name, *(folder.joinpath(*parts[start:]) for start in range(len(parts)))]
    usable = tails if alone else tails[:-1] or tails
    return next((path for path in usable if path.is_file()), None)
