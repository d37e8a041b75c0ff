"""What the caller says about a model besides its path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypeAlias, TypedDict

from posedeploy import contracts
from posedeploy.errors import InputError
from posedeploy.types import Artifact, Model, ModelSpec, StageCount, StrPath

ModelSource: TypeAlias = Model | Artifact | StrPath
"""A loaded checkpoint, an artifact, or the path of either."""
ArtifactSource: TypeAlias = Artifact | StrPath
SAMPLE = Path("sample")
"""The name of the built-in sample where a checkpoint has a path."""


class ModelKeywords(TypedDict, total=False):
    """The keyword arguments that describe a model.

    family: a name of ``families.FAMILIES``, for a file that does not tell its own. network:
    ``FILE.py:FUNCTION`` of your own network; this runs that file. contract: a TOML file that names the
    keypoints of a network, or describes a third-party model. mesh: the file with the triangles of the mesh
    that a network stands on or gives. height: what images are scaled to, in px, where the input leaves that
    free. stages: how many refinement stages of a checkpoint to use, or ``"all"``. weights: which weights of a
    checkpoint that holds several.
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
    """The same as values. draws_mesh: the mesh is drawn, so it may be given for a network that stands on
    none."""

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
        """Return the keyword arguments as values.

        Raises:
            TypeError: there is no such keyword.
        """
        paths = {
            "contract": optional_path(keywords.get("contract")),
            "mesh": optional_path(keywords.get("mesh")),
        }
        return cls(**{**keywords, **paths, "draws_mesh": draws_mesh})  # type: ignore[arg-type]

    @property
    def spec(self) -> ModelSpec | None:
        """The spec of a third-party model, from a contract file or a family's name; None without."""
        if self.contract is not None and self.family is not None:
            raise InputError("`contract` and `family`: give one; a contract file names its own family")
        if self.contract is not None:
            return contracts.read(self.contract)
        return contracts.family_defaults(self.family) if self.family is not None else None


def optional_path(path: StrPath | None) -> Path | None:
    """Return a path given as a string or path; None as it is."""
    return None if path is None else Path(path)


def list_models(sources: ModelSource | Iterable[ModelSource]) -> list[Model | Artifact | Path]:
    """Return one model or several as a list, with strings as paths.

    Raises:
        InputError: there is none.
    """
    several = [sources] if isinstance(sources, (Model, Artifact, str, PathLike)) else list(sources)
    if not several:
        raise InputError("no model is given; pass at least one artifact, checkpoint or path")
    return [single(each) for each in several]


def single(source: ModelSource) -> Model | Artifact | Path:
    """Return one model, a string as a path.

    Raises:
        InputError: it is something else, such as a list.
    """
    if isinstance(source, (Model, Artifact)):
        return source
    if isinstance(source, (str, PathLike)):
        return Path(source)
    raise InputError(f"a model of type {type(source).__name__}: pass one artifact, checkpoint or path")


def path_of(source: Model | Artifact | Path | None) -> Path:
    """Return the path of a model, or the name of the built-in sample."""
    if isinstance(source, Model):
        return source.source or SAMPLE
    return source.path if isinstance(source, Artifact) else source or SAMPLE
