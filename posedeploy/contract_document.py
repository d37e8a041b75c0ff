"""The content of a contract file, and the messages about what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_type_hints

import msgspec

from posedeploy.errors import InputError
from posedeploy.families import has_decoding, list_decodable, poses_of
from posedeploy.joint_sets import set_named
from posedeploy.keypoint_descriptions import KeypointDescription
from posedeploy.presets import About, resolve_contract
from posedeploy.tensor_tables import OutputTable, TensorTable
from posedeploy.text_files import convert, read_toml
from posedeploy.type_values import list_values
from posedeploy.types import ColorOrder, Embedded, Fit

HINT = "docs/third-party-models.md has an example"
UNKNOWN = "unknown"
"""The family of a model without a description."""
IMAGE_FIELDS = (
    "height", "width", "mean", "std", "color_order", "fit", "multiple", "embedded", "margin", "padding",
)  # fmt: skip
"""The fields of ``[input]`` that are those of ``InputContract``."""
RECORDED_FIELDS = ("height", "width", "mean", "std", "color_order", "embedded")
"""Those that the manifest of a network without a family records and that it was exported with."""
KEYPOINT_FIELDS = (
    "family", "keypoint_set", "keypoint_names", "skeleton", "paf_channels", "heatmap_names",
)  # fmt: skip
"""The fields that a contract for a model of a known family may have."""

_Length: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
_Std: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
_Margin: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
_PixelValue: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=255)]


class InputTable(TensorTable, frozen=True, kw_only=True):
    """The table ``[input]``."""

    height: _Length | None = None
    width: _Length | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[_Std, _Std, _Std] | None = None
    color_order: ColorOrder | None = None
    fit: Fit | None = None
    multiple: _Length | None = None
    embedded: tuple[Embedded, ...] | None = None
    margin: _Margin | None = None
    padding: _PixelValue | None = None


class ContractDocument(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The content of a contract file."""

    family: str = UNKNOWN
    variant: str = ""
    input: InputTable = InputTable()
    outputs: Mapping[str, str | OutputTable] = msgspec.field(default_factory=dict)
    about: About | None = None
    decoding: Mapping[str, Any] = msgspec.field(default_factory=dict)
    keypoint_set: str = ""
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    paf_channels: tuple[tuple[int, int], ...] = ()
    heatmap_names: tuple[str, ...] = ()
    cells: _Length | None = None

    def keypoints(self, where: str) -> KeypointDescription:
        """Return the keypoints, with the names and bones of ``keypoint_set``."""
        names, skeleton = self.keypoint_names, self.skeleton
        if self.keypoint_set:
            if names:
                raise InputError(f"{where}: keypoint_set and keypoint_names exclude each other; remove one")
            joints = set_named(self.keypoint_set, f"{where}: keypoint_set")
            names, skeleton = joints.joints, skeleton or joints.bones
        return KeypointDescription(names, skeleton, self.paf_channels, self.heatmap_names)


def read_document(path: Path) -> ContractDocument:
    """Return the content of a contract file, or of the preset with this name.

    Raises:
        InputError: the file is missing or not TOML, or has unknown fields, invalid values or a family with
            almost the name of a known one.
    """
    table = read_toml(resolve_contract(path), "a contract", dict[str, Any], hint=HINT)
    try:
        document = convert(table, ContractDocument)
    except msgspec.ValidationError as error:
        reason = f"{_translate(str(error))}{_explain(str(error), table)}"
        raise InputError(f"{path}: not a contract: {reason}; {HINT}") from error
    _check_family(document.family, path)
    return document


def _check_family(family: str, path: Path) -> None:
    """Refuse a misspelled family; any other unknown name means a network without decoding."""
    similar = get_close_matches(_normalize(family), list_decodable(), 1, cutoff=0.75)
    if similar and not has_decoding(family):
        raise InputError(
            f"{path}: no network family is called {family!r}; did you mean {similar[0]}? The families are "
            f"{', '.join(list_decodable())}"
        )


def _normalize(name: str) -> str:
    return name.lower().replace("_", "-").replace(" ", "-")


_TABLES: dict[str, type[msgspec.Struct]] = {
    "$": ContractDocument, "$.input": InputTable, "$.outputs[...]": OutputTable,
}  # fmt: skip
_HEADINGS = {"$": "the lines before [input]", "$.input": "[input]", "$.outputs[...]": "[outputs.ROLE]"}


_TYPES = {
    "object": "a table", "array": "a list", "str": "a string", "int": "an integer", "float": "a number",
    "bool": "true or false", "null": "",
}  # fmt: skip
_TYPE_NAMES = re.compile(rf"`((?:{'|'.join(_TYPES)})(?: \| (?:{'|'.join(_TYPES)}))*)`")


def _translate(error: str) -> str:
    """Return an error of msgspec in the words of TOML, without backticks, which mark parameters."""
    error = _TYPE_NAMES.sub(lambda match: _describe_types(match[1].split(" | ")), error)
    problem, at, path = error.partition(" - at `$.")
    text = f"{path.removesuffix('`')}: {problem}" if at else problem
    return text.replace("Object contains", "it has the").replace("`", "'")


def _describe_types(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (_TYPES[name] for name in names)))


def _explain(error: str, table: Mapping[str, Any]) -> str:
    """Return what is allowed, and what was probably meant, after an error of msgspec; '' if it has that."""
    problem, _, path = error.partition(" - at `")
    path = path.removesuffix("`") or "$"
    if problem.startswith("Object contains unknown field"):
        return _suggest_field(problem.split("`")[1], path)
    if problem.startswith("Invalid enum value"):
        name = path.rpartition(".")[2].partition("[")[0]
        values = list_values(get_type_hints(_TABLES[path.rpartition(".")[0]])[name])
        return f"; allowed are {', '.join(values)}"
    if path.startswith("$.outputs") and "object`, got" in problem:
        return _explain_outputs(table.get("family"))
    return ""


def _suggest_field(field: str, path: str) -> str:
    """Return the field, or the table, that an unknown field was probably meant for."""
    known = _TABLES.get(path, ContractDocument).__struct_fields__
    places = {name: place for place, table in _TABLES.items() for name in table.__struct_fields__}
    places |= dict.fromkeys(known, path)
    nearest = get_close_matches(_normalize(field).replace("-", "_"), places, 1)
    remark = ""
    if nearest:
        place = "" if places[nearest[0]] == path else f", which belongs in {_HEADINGS[places[nearest[0]]]}"
        remark = f" (nearest: {nearest[0]}{place})"
    return f"; the fields are {', '.join(known)}{remark}"


def _explain_outputs(family: Any) -> str:
    roles = poses_of(family).ROLES if isinstance(family, str) and has_decoding(family) else ()
    example = roles[0] if roles else "heatmaps"
    allowed = f"; the roles of {family} are {', '.join(roles)}" if roles else ""
    return (
        f"; write the table [outputs] with a line ROLE = NAME for each output, such as {example} = "
        f'"name of the output"{allowed}'
    )
