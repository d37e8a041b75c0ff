"""Search for the files of a certificate, and check their hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from posedeploy import files
from posedeploy.api.certificate.document import RecordedFile
from posedeploy.api.compared_files import Role
from posedeploy.api.model_args import format_paths
from posedeploy.api.readable_images import list_files
from posedeploy.errors import InputError, PoseDeployError
from posedeploy.printable import listed

MAX_NAMES = 5
"""The number of images that a message names."""


@dataclass(frozen=True)
class FileSearch:
    """The search for the recorded files.

    folder: the folder of the certificate. other: a folder to search first. chosen: the paths that the user
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
                f"{self.folder / recorded}: the images of the certificate do not exist; pass the image or "
                "the folder of the images as `images`"
            )
        return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # such as a name that is too long
        return False


def check_artifact(recorded: RecordedFile, search: FileSearch) -> tuple[Path | None, list[str]]:
    """Return the path of an artifact, None if it is missing, and a message for each file that differs."""
    path = search.find(recorded)
    if path is None:
        return None, [_describe_missing(recorded, search)]
    problems = []
    for name, digest in recorded.files.items():
        each = path.with_name(name) if name != PurePosixPath(recorded.path).name else path
        if not _is_file(each):
            problems.append(
                f"{each}: this file of the artifact {path.name} does not exist; copy it next to it"
            )
        elif reason := _describe_difference(each, digest):
            problems.append(reason)
    return path, problems


def check_file(recorded: RecordedFile, search: FileSearch) -> tuple[Path | None, list[str]]:
    """Return the path of a file that is no artifact, None if it is missing, and a message if it differs."""
    path = search.find(recorded)
    if path is None:
        return None, [_describe_missing(recorded, search)]
    reason = _describe_difference(path, recorded.sha256)
    return path, [reason] if reason else []


def check_images(recorded: Iterable[RecordedFile], images: Sequence[Path]) -> list[str]:
    """Return messages about images that are missing, that differ, and that are not in the certificate."""
    try:
        present = dict(list_files(images))
    except PoseDeployError as error:
        return [str(error)]
    expected = {each.name: each.sha256 for each in recorded}
    missing = [name for name in expected if name not in present]
    extra = [name for name in present if name not in expected]
    problems = [
        reason
        for name, path in present.items()
        if name in expected and (reason := _describe_difference(path, expected[name]))
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


def _describe_difference(path: Path, recorded: str) -> str:
    """Return a message if a file is not the recorded one; '' if it is."""
    try:
        digest = files.sha256(path)
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); allow reading it, or pass another copy"
    if digest == recorded:
        return ""
    return (
        f"{path}: changed: its SHA-256 is {digest[:12]}..., expected {recorded[:12]}...; restore the "
        "recorded file, or write a new certificate"
    )


def _describe_missing(recorded: RecordedFile, search: FileSearch) -> str:
    role = recorded.role.replace("_", " ")
    parameter = "folder" if recorded.role == "artifact" else recorded.role
    wanted = next(iter(search.candidates(recorded)))
    return f"{wanted}: the {role} of the certificate does not exist; pass `{parameter}`"
