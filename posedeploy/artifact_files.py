"""Verify the files of an artifact from the time it is opened until it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from posedeploy import file_states
from posedeploy.errors import ArtifactError
from posedeploy.file_states import FileState, state_of
from posedeploy.model_urls import is_model_url
from posedeploy.types import Artifact


def verify(artifact: Artifact) -> Artifact:
    """Check the hashes of the files of an artifact, and return it with their states.

    Only files whose state is unknown or has changed are hashed again.

    Raises:
        ArtifactError: a file has another hash than in ``files``, or one without a recorded hash has changed.
    """
    states = dict(_states(artifact))
    for name, state in states.items():
        if state != artifact.states.get(name):
            states[name] = _verify_file(artifact, name, state)
    return replace(artifact, states=states)


def check_unchanged(artifact: Artifact) -> None:
    """Compare the files with their states from before they were loaded.

    Raises:
        ArtifactError: a file was written to, replaced, renamed or removed.
    """
    states = _states(artifact)
    for name in artifact.states.keys() | states.keys():
        if artifact.states.get(name) != states.get(name):
            raise ArtifactError(
                f"{artifact.path.with_name(name)}: it was changed or replaced while it was loaded; run the "
                "command again"
            )


def hashes_of(artifact: Artifact) -> dict[str, str]:
    """Return the recorded SHA-256 of the files of an artifact, or that of the file of a third-party model;
    empty for a model on a server.

    Raises:
        ArtifactError: a third-party model changed since it was opened, or cannot be read.
    """
    if artifact.files:
        return dict(artifact.files)
    if is_model_url(artifact.path):
        return {}
    digest, state = hash_file(artifact.path)
    if artifact.states.get(artifact.path.name, state) != state:
        raise _change_error(artifact, artifact.path.name)
    return {artifact.path.name: digest}


def hash_file(path: Path) -> tuple[str, FileState]:
    """Return the SHA-256 of a file of an artifact, and the state of the file.

    Raises:
        ArtifactError: it cannot be read.
    """
    try:
        return file_states.hash_file(path)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror})") from error


def _states(artifact: Artifact) -> Mapping[str, FileState]:
    """Return the states of the existing files; the runtime reports missing ones."""
    states = {}
    for name in dict.fromkeys((artifact.path.name, *artifact.files)):
        path = artifact.path.with_name(name)
        try:
            states[name] = state_of(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ArtifactError(f"{path}: cannot be read ({error.strerror})") from error
    return states


def _verify_file(artifact: Artifact, name: str, state: FileState) -> FileState:
    """Return the state of a file that was not hashed in this state yet."""
    path, recorded = artifact.path.with_name(name), artifact.files.get(name)
    if recorded is None:
        if name in artifact.states:
            raise _change_error(artifact, name)
        return state
    digest, state = hash_file(path)
    if digest != recorded:
        raise ArtifactError(
            f"{path}: its SHA-256 is {digest[:12]}..., but it was {recorded[:12]}... when "
            f"{artifact.path.name} was opened or exported: the file was changed or replaced; open it again"
        )
    return state


def _change_error(artifact: Artifact, name: str) -> ArtifactError:
    return ArtifactError(
        f"{artifact.path.with_name(name)}: it was changed or replaced after it was opened; open it again"
    )
