"""The arguments that describe a model, besides its path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypeAlias, TypedDict

from posedeploy import contracts
from posedeploy.errors import InputError
from posedeploy.model_urls import to_path
from posedeploy.types import Artifact, Model, ModelSpec, StageCount, StrPath

ModelSource: TypeAlias = Model | Artifact | StrPath
"""A loaded checkpoint, an artifact, or the path of either."""
ArtifactSource: TypeAlias = Artifact | StrPath
SAMPLE = Path("sample")
"""The name of the built-in sample, used like the path of a checkpoint."""


class ModelKeywords(TypedDict, total=False):
    """The keyword arguments that describe a model.

    family: a name of ``families.FAMILIES``, for a file that does not identify its family. network:
    ``FILE.py:FUNCTION`` of your own network; the file is executed. contract: a TOML file that names the
    keypoints of a network, or describes a third-party model, or the name of a preset. mesh: the file with
    the triangles of the mesh that a network is built on or outputs. height: the height in px to which images
    are scaled, if the input height is dynamic. stages: the number of refinement stages of a checkpoint to
    use, or ``"all"``. weights: the name of the weights to use from a checkpoint that contains several.
    """

    family: str | None
    network: str | None
    contract: StrPath | None
    mesh: StrPath | None
    height: int | None
    stages: StageCount | None
    weights: str | None


@dataclass(frozen=True, kw_only=True)
class ModelArgs:
    """The values of ``ModelKeywords``, with paths as ``Path``.

    draws_mesh: ``mesh`` is used for drawing, so the network need not be built on it.
    """

    family: str | None = None
    network: str | None = None
    contract: Path | None = None
    mesh: Path | None = None
    height: int | None = None
    stages: StageCount | None = None
    weights: str | None = None
    draws_mesh: bool = False

    @classmethod
    def of(cls, keywords: ModelKeywords, *, draws_mesh: bool = False) -> ModelArgs:
        """Convert keyword arguments.

        Raises:
            TypeError: a keyword is unknown.
        """
        paths = {
            "contract": optional_path(keywords.get("contract")),
            "mesh": optional_path(keywords.get("mesh")),
        }
        return cls(**{**keywords, **paths, "draws_mesh": draws_mesh})  # type: ignore[arg-type]

    def check(self) -> None:
        """Check that the arguments do not contradict each other.

        Raises:
            InputError: ``contract`` and ``family`` are both set.
        """
        if self.contract is not None and self.family is not None:
            raise InputError(
                "`contract` and `family` exclude each other: a contract file names its family; leave one out"
            )

    @property
    def spec(self) -> ModelSpec | None:
        """The spec of a third-party model from a contract file or a family's name; None without either."""
        self.check()
        if self.contract is not None:
            return contracts.read(self.contract)
        return contracts.family_defaults(self.family) if self.family is not None else None


def optional_path(path: StrPath | None) -> Path | None:
    """Return a string or path as a ``Path``; None stays None."""
    return None if path is None else Path(path)


def list_paths(paths: StrPath | Iterable[StrPath] | None) -> tuple[Path, ...]:
    """Return one path or several as a tuple; None is no path."""
    if paths is None:
        return ()
    return (Path(paths),) if isinstance(paths, (str, PathLike)) else tuple(map(Path, paths))


def format_paths(paths: Iterable[object]) -> str:
    """Return one path or several for a message."""
    return ", ".join(map(str, paths))


def list_models(sources: ModelSource | Iterable[ModelSource]) -> list[Model | Artifact | Path]:
    """Return one model or several as a list, with strings as paths.

    Raises:
        InputError: the list is empty.
    """
    several = [sources] if isinstance(sources, (Model, Artifact, str, PathLike)) else list(sources)
    if not several:
        raise InputError("no model; pass at least one artifact, checkpoint or path")
    return [to_source(each) for each in several]


def to_source(source: ModelSource) -> Model | Artifact | Path:
    """Return one model, with a string as a path, or as the URL of a served model.

    Raises:
        InputError: the value has another type, such as a list.
    """
    if isinstance(source, (Model, Artifact)):
        return source
    if isinstance(source, (str, PathLike)):
        return to_path(source)
    raise InputError(f"a model of type {type(source).__name__}; expected an artifact, a checkpoint or a path")


def is_sample(source: object) -> bool:
    """Return whether a path is the name of the built-in sample, and no file has this name."""
    return source == SAMPLE and not SAMPLE.is_file()


def get_path(source: Model | Artifact | Path | None) -> Path:
    """Return the path of a model, or the name of the built-in sample."""
    if isinstance(source, Model):
        return source.source or SAMPLE
    return source.path if isinstance(source, Artifact) else source or SAMPLE
