"""Which joint set a file of joints is of, and whether its people are in that order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_sets import JointSet
from posedeploy.poses.file_joint_sets import KNOWN_SETS, set_called, set_of_names, sets_of
from posedeploy.poses.joint_order import (
    CLEARLY_BETTER,
    FITS,
    best_set,
    fit_of,
    likely_set,
    upside_down,
)
from posedeploy.predict.joint_files.joint_content import JointsContent, Person
from posedeploy.predict.joint_files.map_joints import lacking_joints

MAX_JUDGED = 2000
"""People whose proportions are looked at: more do not change a median."""


def set_of_file(
    content: JointsContent, name: str | None, wanted: JointSet, source: str
) -> tuple[JointSet, bool]:
    """Return the joint set of a file, and whether the user, the file or its format names it.

    Args:
        name: the user's. wanted: the network's, which joints without any name are taken to be of.

    Raises:
        InputError: the name is unknown or of another number of joints, or nothing tells the set.
    """
    if name is not None:
        try:
            return set_called(name, content.joints), True
        except InputError as error:
            raise InputError(f"`joints={name}`: {source}: {error}") from error
    if content.names is not None and len(set(content.names)) == content.joints:
        known = set_of_names(content.names)
        return known or JointSet("the file's own names", content.names, ()), True
    if content.set_name is not None and len(KNOWN_SETS[content.set_name]) == content.joints:
        return KNOWN_SETS[content.set_name], True
    if content.joints == len(wanted):
        return wanted, False
    names = sets_of(content.joints)
    whose = f", which is the number of {_listed(names)}" if names else ", which no known set has"
    raise InputError(
        f"{source}: {content.joints} joints in each person{whose}; this network takes the {len(wanted)} of "
        f"{wanted.name}: {' '.join(wanted.joints)}{_advice(content, names, wanted)}"
    )


def check_order(people: Sequence[Person], own: JointSet, source: str, *, is_stated: bool) -> list[str]:
    """Refuse people whose joints are not in the order of their set; return what is odd and still used.

    Where the user or the file names the set, only joints that fit another one clearly better are refused.

    Args:
        people: those that a network will be given.

    Raises:
        InputError: the joints contradict the set.
    """
    step = -(-len(people) // MAX_JUDGED) or 1
    everyone = np.array([person.joints for person in people[::step]]).reshape(-1, len(own), 3)
    fit = fit_of(everyone, own)
    better = likely_set(everyone, own)
    fits_better = better is not None and better[1].is_good and better[1].ratio <= CLEARLY_BETTER * fit.ratio
    if (fit.is_wrong or fit.ratio > FITS) and better is not None and fits_better:
        raise InputError(
            f"{source}: the joints are not in the order of {own.name}: {fit.worst}. They fit "
            f"{better[0].name}: add `joints={better[0].name}`"
        )
    if fit.is_wrong and not is_stated:
        raise InputError(
            f"{source}: the joints are not in the order of {own.name}: {fit.worst}. {_others(own)} Name "
            f"the right set with `joints=NAME`; `joints={own.name}` uses the joints as they are"
        )
    if fit.is_wrong:
        return [f"{source}: the joints do not fit {own.name}: {fit.worst}; they are used as they are"]
    remarks = [
        f"{source}: {people[step * index].label} has impossible proportions: "
        f"{fit_of(everyone[index : index + 1], own).worst}; it is used as it is"
        for index in fit.odd
    ]
    if upside_down(everyone, own):
        remarks.append(
            f"{source}: nearly all people are upside down; if y points up in this file, negate it: in "
            "images y points down"
        )
    return remarks


def _others(own: JointSet) -> str:
    others = [name for name in sets_of(len(own)) if name != own.name]
    if not others:
        return f"No other set of {len(own)} joints is known."
    return f"No other known set of {len(own)} joints fits either ({', '.join(others)})."


def _advice(content: JointsContent, names: list[str], wanted: JointSet) -> str:
    """What to do with a file of another number of joints than the network's."""
    usable = [name for name in names if not lacking_joints(KNOWN_SETS[name], wanted)]
    if not usable:
        return ", which cannot be made from them" if names else ""
    found = best_set(content.people[:MAX_JUDGED], [KNOWN_SETS[name] for name in usable])
    if found is not None and found[1].is_good:
        return f". They fit {found[0].name}: add `joints={found[0].name}`"
    return f". Say which they are of: `joints` ({', '.join(usable)})"


def _listed(names: list[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
