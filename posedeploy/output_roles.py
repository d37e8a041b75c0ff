"""Which of a model file's outputs is what its family's decoding asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from posedeploy.errors import InputError
from posedeploy.families import FAMILIES, poses_of, published_channels
from posedeploy.types import ModelSpec, TensorSpec


def resolve_roles(described: ModelSpec, outputs: Sequence[TensorSpec], where: str) -> dict[str, str]:
    """Return the outputs' names by role.

    Roles that the description leaves open go to the last output whose name contains the role, or else to the
    only one that has the published number of channels, or to the only output of all.

    Raises:
        InputError: the description names an output that is not there, one output twice, or a role that the
            decoding does not know; or a role that the decoding needs finds no output.
    """
    _check_described(described, where)
    names = [spec.name for spec in outputs]
    for role, name in described.roles.items():
        if name not in names:
            raise InputError(
                f"{where}: no output for {role!r}; wanted {name}, and the outputs are {', '.join(names)}. "
                "Correct its name under [outputs] in the `contract` file"
            )
    free = [spec for spec in outputs if spec.name not in described.roles.values()]
    return dict(described.roles) | _inferred(described, free, where)


def channels_by_name(described: ModelSpec, roles: Mapping[str, str]) -> dict[str, int]:
    """Return how many channels the outputs of these roles have in the published network, by their names."""
    published = published_channels(described.family)
    return {name: published.get(role, len(described.keypoint_names)) for role, name in roles.items()}


def _check_described(described: ModelSpec, where: str) -> None:
    known = _known_roles(described.family)
    unknown = [role for role in described.roles if known and role not in known]
    if unknown:
        raise InputError(
            f"{where}: [outputs] gives the role {', '.join(unknown)}, which the decoding of "
            f"{described.family} does not know; its roles are {', '.join(known)}"
        )
    last = {name: role for role, name in described.roles.items()}
    for role, output in described.roles.items():
        if last[output] != role:
            raise InputError(
                f"{where}: [outputs] gives {output!r} to both {role} and {last[output]}; name each output "
                "once"
            )


def _inferred(described: ModelSpec, outputs: Sequence[TensorSpec], where: str) -> dict[str, str]:
    """The outputs of the roles that the description leaves open: all, or, where it names some, those that the
    decoding cannot do without and that can be found."""
    if described.family not in FAMILIES:
        return {}
    channels = published_channels(described.family)
    needed = tuple(channels) or (poses_of(described.family).KEYPOINTS_OF[0],)
    roles = {}
    for role in needed if described.roles else _known_roles(described.family):
        if role in described.roles:
            continue
        found = [spec.name for spec in outputs if role in spec.name]
        found = found or _of_channels(outputs, channels.get(role))
        if not found and role in needed and len(needed) == len(outputs) == 1:
            found = [outputs[0].name]
        if found:
            roles[role] = found[-1]
        elif role in needed and not described.roles:
            raise InputError(
                f"{where}: no output for {role!r}; wanted a name with {role} in it, and the outputs are "
                f"{', '.join(map(str, outputs)) or 'none'}. Name it under [outputs] in a `contract` file"
            )
    return roles


def _of_channels(outputs: Sequence[TensorSpec], count: int | None) -> list[str]:
    """The output of maps with so many channels, first or last, where it is the only one."""
    found = [
        spec.name for spec in outputs if len(spec.shape) == 4 and count in (spec.shape[1], spec.shape[3])
    ]
    return found if len(found) == 1 else []


def _known_roles(family: str) -> tuple[str, ...]:
    return poses_of(family).ROLES if family in FAMILIES else ()
