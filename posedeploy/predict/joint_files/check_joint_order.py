"""The joint set of a file of joints, and a check of the order of its joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_sets import JointSet
from posedeploy.poses.file_joint_sets import KNOWN_SETS, find_set, list_sets, match_names
from posedeploy.poses.joint_order import (
    CLEARLY_BETTER,
    GOOD_RATIO,
    choose_set,
    find_best_other_set,
    is_upside_down,
    measure_fit,
)
from posedeploy.predict.joint_files.joint_content import FilePerson, JointsContent
from posedeploy.predict.joint_files.map_joints import find_lacking_joints

MAX_SAMPLED = 2000
"""Number of people whose proportions are checked: more do not change a median."""


def set_of_file(
    content: JointsContent, name: str | None, wanted: JointSet, source: str
) -> tuple[JointSet, bool]:
    """Return the joint set of a file, and whether the user, the file or its format names it.

    Args:
        name: the set named by the user. wanted: the network's set, used for a file without a name.

    Raises:
        InputError: the named set is unknown or has another number of joints, or the set is unknown.
    """
    if name is not None:
        try:
            return find_set(name, content.joints), True
        except InputError as error:
            raise InputError(f"`joints={name}`: {source}: {error}") from error
    if content.names is not None and len(set(content.names)) == content.joints:
        known = match_names(content.names)
        return known or JointSet("the file's own names", content.names, ()), True
    if content.set_name is not None and len(KNOWN_SETS[content.set_name]) == content.joints:
        return KNOWN_SETS[content.set_name], True
    if content.joints == len(wanted):
        return wanted, False
    names = list_sets(content.joints)
    sets = f", as in {_join(names)}" if names else ", as in no known set"
    raise InputError(
        f"{source}: {content.joints} joints per person{sets}; this network expects the {len(wanted)} of "
        f"{wanted.name}: {' '.join(wanted.joints)}{_advice(content, names, wanted)}"
    )


def check_order(people: Sequence[FilePerson], own: JointSet, source: str, *, is_stated: bool) -> list[str]:
    """Check that people's joints are in the order of their set, and return remarks on implausible people.

    Args:
        people: the people whose joints will be lifted.
        is_stated: whether the user or the file names the set. Joints are then rejected only if they fit
            another set clearly better.

    Raises:
        InputError: the joints contradict the set.
    """
    step = -(-len(people) // MAX_SAMPLED) or 1
    everyone = np.array([person.joints for person in people[::step]]).reshape(-1, len(own), 3)
    fit = measure_fit(everyone, own)
    better = find_best_other_set(everyone, own)
    fits_better = better is not None and better[1].is_good and better[1].ratio <= CLEARLY_BETTER * fit.ratio
    if (fit.is_wrong or fit.ratio > GOOD_RATIO) and better is not None and fits_better:
        raise InputError(
            f"{source}: the joints are not in the order of {own.name}: {fit.worst}. They fit "
            f"{better[0].name}; add `joints={better[0].name}`"
        )
    if fit.is_wrong and not is_stated:
        raise InputError(
            f"{source}: the joints are not in the order of {own.name}: {fit.worst}. {_others(own)} Pass "
            f"the right set with `joints=NAME`; `joints={own.name}` uses the joints unchanged"
        )
    if fit.is_wrong:
        return [f"{source}: the joints do not fit {own.name}: {fit.worst}; they are used unchanged"]
    remarks = [
        f"{source}: {people[step * index].label} has impossible proportions: "
        f"{measure_fit(everyone[index : index + 1], own).worst}; the person is used unchanged"
        for index in fit.odd
    ]
    if is_upside_down(everyone, own):
        remarks.append(
            f"{source}: nearly all people are upside down; if y points up in this file, negate it, because y "
            "points down in images"
        )
    return remarks


def _others(own: JointSet) -> str:
    others = [name for name in list_sets(len(own)) if name != own.name]
    if not others:
        return f"No other set of {len(own)} joints is known."
    return f"No other known set of {len(own)} joints fits either ({', '.join(others)})."


def _advice(content: JointsContent, names: list[str], wanted: JointSet) -> str:
    """Return advice for a file with another number of joints than the network's."""
    usable = [name for name in names if not find_lacking_joints(KNOWN_SETS[name], wanted)]
    if not usable:
        return ", which cannot be computed from them" if names else ""
    best = choose_set(content.people[:MAX_SAMPLED], [KNOWN_SETS[name] for name in usable])
    if best is not None and best[1].is_good:
        return f". They fit {best[0].name}; add `joints={best[0].name}`"
    return f". Pass their set with `joints` ({', '.join(usable)})"


def _join(names: list[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
