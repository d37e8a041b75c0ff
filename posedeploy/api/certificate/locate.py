"""Search for the files of a certificate, and check their hashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from posedeploy import files
from posedeploy.api.certificate.document import RecordedFile
from posedeploy.api.compared_files import Role
from posedeploy.api.model_args import format_paths
from posedeploy.api.readable_images import list_files
from posedeploy.errors import PoseDeployError
from posedeploy.input_files import path_exists
from posedeploy.presets import list_presets, preset_path
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
        if recorded.role == "contract" and recorded.path in list_presets():
            yield preset_path(recorded.path)

    def find(self, recorded: RecordedFile) -> Path | None:
        """Return the path of a file, or None if it is missing."""
        return next((each for each in self.candidates(recorded) if _is_file(each)), None)

    def find_all(self, recorded: RecordedFile) -> list[Path]:
        """Return all paths of a file or folder."""
        return [*filter(path_exists, self.candidates(recorded))]

    def find_images(self, recorded: Sequence[str]) -> tuple[Path, ...]:
        """Return the paths of the images or folders with these recorded paths, without the missing ones."""
        return self.images or tuple(filter(None, map(self._find_image, recorded)))

    def list_missing_images(self, recorded: Sequence[str]) -> list[str]:
        """Return a message for each image or folder that is missing."""
        missing = [] if self.images else [each for each in recorded if self._find_image(each) is None]
        return [
            f"{self.folder / each}: the images of the certificate do not exist; pass the image or the folder "
            "of the images as `images`"
            for each in missing
        ]

    def _find_image(self, recorded: str) -> Path | None:
        entry = RecordedFile(role="image", path=recorded)
        return next((each for each in self.candidates(entry) if path_exists(each)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # such as a name that is too long
        return False


def check_artifact(recorded: RecordedFile, search: FileSearch) -> tuple[Path | None, list[str]]:
    """Return the path of an artifact, None if it is missing, and a message for each file that differs."""
    path = search.find(recorded)
    if path is None:
        return None, [describe_missing(recorded, search)]
    problems = []
    for name, digest in recorded.files.items():
        each = path.with_name(name) if name != PurePosixPath(recorded.path).name else path
        if not _is_file(each):
            problems.append(
                f"{each}: this file of the artifact {path.name} does not exist; copy it next to it"
            )
        elif reason := describe_difference(each, digest):
            problems.append(reason)
    return path, problems


def check_file(recorded: RecordedFile, search: FileSearch) -> tuple[Path | None, list[str]]:
    """Return the path of a file that is no artifact, None if it is missing, and a message if it differs."""
    path = search.find(recorded)
    if path is None:
        return None, [describe_missing(recorded, search)]
    reason = describe_difference(path, recorded.sha256)
    return path, [reason] if reason else []


def check_unrecorded(recorded: Iterable[RecordedFile], search: FileSearch) -> list[str]:
    """Return a message if there is a TOML file of the user's network now, but was none in the comparison."""
    path = search.chosen.get("network_contract")
    if path is None or not _is_file(path) or any(each.role == "network_contract" for each in recorded):
        return []
    return [
        f"{path}: not in the certificate: your own network had no TOML file; move it to another folder, or "
        "write a new certificate"
    ]


def check_images(recorded: Iterable[RecordedFile], paths: Sequence[str], search: FileSearch) -> list[str]:
    """Return messages about images that are missing, that differ, and that are not in the certificate.

    Args:
        paths: the recorded paths of the images or of their folders.
    """
    images, problems = search.find_images(paths), search.list_missing_images(paths)
    try:
        present = dict(list_files(images)) if images else {}
    except PoseDeployError as error:
        return [*problems, str(error)]
    entries = list(recorded)
    expected = {each.name: each.sha256 for each in entries}
    repeated = [name for name, count in Counter(each.name for each in entries).items() if count > 1]
    if repeated:
        problems.append(
            f"the certificate has several images of one name: {listed(repeated, MAX_NAMES)}; write a new one"
        )
    missing = [] if problems else [name for name in expected if name not in present]
    extra = [] if problems else [name for name in present if name not in expected]
    problems += [
        reason
        for name, path in present.items()
        if name in expected and (reason := describe_difference(path, expected[name]))
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


def describe_difference(path: Path, recorded: str) -> str:
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


def describe_missing(recorded: RecordedFile, search: FileSearch) -> str:
    wanted = next(iter(search.candidates(recorded)))
    if recorded.role == "network_contract":
        return f"{wanted}: the TOML file of your own network does not exist; copy the recorded file there"
    role = recorded.role.replace("_", " ")
    parameter = "folder" if recorded.role == "artifact" else recorded.role
    return f"{wanted}: the {role} of the certificate does not exist; pass `{parameter}`"
