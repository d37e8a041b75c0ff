"""Search for the files of a certificate, and check their hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from posedeploy import files
from posedeploy.api.certificate.document import RecordedFile
from posedeploy.api.compared_files import Role
from posedeploy.api.model_args import format_paths
from posedeploy.errors import InputError, PoseDeployError
from posedeploy.predict.image_files import open_several
from posedeploy.printable import listed

MAX_NAMES = 5
"""The number of images that a message names."""


@dataclass(frozen=True)
class Located:
    """The recorded files of one comparison, where they are now.

    paths: each file. problems: a message for each file that is missing or differs.
    """

    paths: Mapping[RecordedFile, Path]
    problems: tuple[str, ...]
    checked: int = 0


@dataclass(frozen=True)
class Places:
    """Where recorded files are searched for.

    folder: the folder of the certificate. other: a folder that replaces it. chosen: the paths that the user
    passed, by role. images: the paths that the user passed for the images.
    """

    folder: Path
    other: Path | None = None
    chosen: Mapping[Role, Path] = field(default_factory=dict)
    images: tuple[Path, ...] = ()

    def candidates(self, recorded: RecordedFile) -> Iterable[Path]:
        """Yield the paths where a file can be, the most likely first."""
        if recorded.role in self.chosen:
            yield self.chosen[recorded.role]
            return
        name = PurePosixPath(recorded.path).name
        for folder in (self.other, self.folder) if self.other is not None else (self.folder,):
            yield folder / recorded.path
            yield folder / name

    def find(self, recorded: RecordedFile) -> Path | None:
        """Return the path of a file, or None if it is missing."""
        return next((each for each in self.candidates(recorded) if _is_file(each)), None)

    def find_images(self, recorded: Sequence[str]) -> tuple[Path, ...]:
        """Return the paths of the images or folders with these recorded paths.

        Raises:
            InputError: one is missing.
        """
        return self.images or tuple(map(self._find_image, recorded))

    def _find_image(self, recorded: str) -> Path:
        entry = RecordedFile(role="image", path=recorded)
        path = next((each for each in self.candidates(entry) if each.exists()), None)
        if path is None:
            raise InputError(
                f"the images of the certificate: {self.folder / recorded} does not exist; pass the image or "
                "the folder as `images`"
            )
        return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # such as a name that is too long
        return False


def check_artifact(recorded: RecordedFile, places: Places) -> tuple[Path | None, list[str]]:
    """Return the path of an artifact, None if it is missing, and a message for each file that differs."""
    path = places.find(recorded)
    if path is None:
        return None, [_missing(recorded, places)]
    problems = []
    for name, digest in recorded.files.items():
        each = path.with_name(name) if name != PurePosixPath(recorded.path).name else path
        if not _is_file(each):
            problems.append(f"{each}: missing, and part of the artifact {path}")
        elif reason := _difference(each, digest):
            problems.append(reason)
    return path, problems


def check_file(recorded: RecordedFile, places: Places) -> tuple[Path | None, list[str]]:
    """Return the path of another file, None if it is missing, and a message if it differs."""
    path = places.find(recorded)
    if path is None:
        return None, [_missing(recorded, places)]
    reason = _difference(path, recorded.sha256)
    return path, [reason] if reason else []


def check_images(recorded: Iterable[RecordedFile], images: Sequence[Path]) -> list[str]:
    """Return messages on images that are missing, that differ, and that are not in the certificate."""
    try:
        source = open_several(images)
    except PoseDeployError as error:
        return [str(error)]
    present = dict(zip(source.frame_names, source.inputs, strict=True))
    expected = {each.name: each.sha256 for each in recorded}
    missing = [name for name in expected if name not in present]
    extra = [name for name in present if name not in expected]
    problems = [
        reason
        for name, path in present.items()
        if name in expected and (reason := _difference(path, expected[name]))
    ]
    if missing:
        problems.append(
            f"{format_paths(images)}: {len(missing)} of {len(expected)} recorded images missing: "
            f"{listed(missing, MAX_NAMES)}; pass their folder as `images`"
        )
    if extra:
        problems.append(
            f"{format_paths(images)}: {len(extra)} images are not in the certificate: "
            f"{listed(extra, MAX_NAMES)}; remove them, or pass a folder without them as `images`"
        )
    return problems


def _difference(path: Path, recorded: str) -> str:
    """Return why a file is not the recorded one; '' if it is."""
    try:
        digest = files.sha256(path)
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})"
    if digest == recorded:
        return ""
    return f"{path}: changed: its SHA-256 is {digest[:12]}..., and {recorded[:12]}... in the certificate"


def _missing(recorded: RecordedFile, places: Places) -> str:
    role = recorded.role.replace("_", " ")
    parameter = "folder" if recorded.role == "artifact" else recorded.role
    wanted = next(iter(places.candidates(recorded)))
    return f"{wanted}: the {role} of the certificate does not exist; pass `{parameter}`"
