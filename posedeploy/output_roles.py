"""Assign the outputs of a model file to the roles of the decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from posedeploy.errors import InputError
from posedeploy.families import decoder_poses_of, has_decoding, poses_of, published_channels
from posedeploy.types import ModelSpec, TensorSpec


def resolve_roles(described: ModelSpec, outputs: Sequence[TensorSpec], where: str) -> dict[str, str]:
    """Return the names of outputs by role.

    A role that is not described is assigned to the last output whose name contains the role, or else to the
    only one with the published number of channels, or to the only output.

    Raises:
        InputError: the description names a missing output, an output twice, or an unknown role; or a required
            role has no output.
    """
    check_roles(described, where)
    names = [spec.name for spec in outputs]
    for role, name in described.roles.items():
        if name not in names:
            raise InputError(
                f"{where}: no output for {role!r}: expected {name}, found {', '.join(names)}; correct the "
                "name under [outputs] in the `contract` file"
            )
    free = [spec for spec in outputs if spec.name not in described.roles.values()]
    return dict(described.roles) | _infer_roles(described, free, where)


def channels_by_name(described: ModelSpec, roles: Mapping[str, str]) -> dict[str, int]:
    """Return the channels of the outputs of these roles in the published network, by output name."""
    published = published_channels(described.family)
    return {name: published.get(role, len(described.keypoint_names)) for role, name in roles.items()}


def required_roles(family: str) -> tuple[str, ...]:
    """Return the roles that the decoding of a family needs."""
    decoder = decoder_poses_of(family)
    if decoder is not None:
        return decoder.NEEDED_ROLES
    return tuple(published_channels(family)) or (poses_of(family).KEYPOINTS_OF[0],)


def check_all_roles(spec: ModelSpec, where: str) -> None:
    """Check the roles of a network whose outputs are all described.

    Raises:
        InputError: a role is unknown or missing, or an output has two roles.
    """
    check_roles(spec, where)
    missing = [role for role in required_roles(spec.family) if role not in spec.roles]
    if missing:
        raise InputError(
            f"{where}: [outputs] has no {' and no '.join(missing)}, which the decoding of {spec.family} "
            f"needs; its roles are {', '.join(_known_roles(spec.family))}"
        )


def check_roles(described: ModelSpec, where: str) -> None:
    """Check the described roles.

    Raises:
        InputError: a role is unknown, or an output has two roles.
    """
    known = _known_roles(described.family)
    unknown = [role for role in described.roles if known and role not in known]
    if unknown:
        raise InputError(
            f"{where}: [outputs] has the unknown role {', '.join(unknown)}; the roles of {described.family} "
            f"are {', '.join(known)}: write ROLE = NAME, such as {known[0]} = "
            f'"{described.roles[unknown[0]]}"'
        )
    last = {name: role for role, name in described.roles.items()}
    for role, output in described.roles.items():
        if last[output] != role:
            raise InputError(
                f"{where}: [outputs] has {output!r} for both {role} and {last[output]}; name each output once"
            )


def _infer_roles(described: ModelSpec, outputs: Sequence[TensorSpec], where: str) -> dict[str, str]:
    """Return the outputs of roles that are not described: of all roles, or if some are described, of required
    ones with a matching output."""
    if not has_decoding(described.family):
        return {}
    channels = published_channels(described.family)
    needed = required_roles(described.family)
    roles = {}
    for role in needed if described.roles else _known_roles(described.family):
        if role in described.roles:
            continue
        names = [spec.name for spec in outputs if role in spec.name]
        names = names or _find_by_channels(outputs, channels.get(role))
        if not names and role in needed and len(needed) == len(outputs) == 1:
            names = [outputs[0].name]
        if names:
            roles[role] = names[-1]
        elif role in needed and not described.roles:
            raise InputError(
                f"{where}: no output for {role!r}: expected a name that contains {role}, found "
                f"{', '.join(map(str, outputs)) or 'none'}; name it under [outputs] in a `contract` file"
            )
    return roles


def _find_by_channels(outputs: Sequence[TensorSpec], count: int | None) -> list[str]:
    """Return the only output of maps with this number of channels, first or last; empty if not unique."""
    names = [
        spec.name for spec in outputs if len(spec.shape) == 4 and count in (spec.shape[1], spec.shape[3])
    ]
    return names if len(names) == 1 else []


def _known_roles(family: str) -> tuple[str, ...]:
    return poses_of(family).ROLES if has_decoding(family) else ()
