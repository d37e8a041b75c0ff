"""Where in a network an operator comes from that a converter lacks."""

from __future__ import annotations

import re

import torch

from posedeploy.convert.prepare import Prepared

SHOWN = 3
"""Places that a message names."""
_TARGET = re.compile(r"target=torch\.ops\.([\w.]+)\]")


def blamed(error: BaseException) -> str | None:
    """The operator that a converter fails at, by what it raised, or the causes of that; None where none of
    them names one."""
    cause: BaseException | None = error
    while cause is not None:
        if found := _TARGET.search(str(cause)):
            return found[1]
        cause = cause.__cause__
    return None


def located(operator: str, prepared: Prepared) -> str:
    """An operator and the modules that it comes from, the first few by their paths."""
    try:
        program = torch.export.export(prepared.module, prepared.example, strict=False).run_decompositions()
    except Exception:  # what torch.export cannot take either: the converter's own error tells more
        return operator
    stacks = {node: node.meta.get("nn_module_stack") for node in program.graph.nodes}
    found = [stack for node, stack in stacks.items() if str(node.target) == operator]
    name = operator.split(".")[1]  # of a decomposition it is part of that of the whole: special_bessel_j0
    found = found or [stack for node, stack in stacks.items() if name in str(node.target)]
    paths = [list(stack.values())[-1][0] for stack in found if stack]
    places = list(dict.fromkeys(path.removeprefix("network").lstrip(".") or "it" for path in paths))
    more = f" and {len(places) - SHOWN} more places" if len(places) > SHOWN else ""
    return f"{operator} in {', '.join(places[:SHOWN]) or 'it'}{more}"
