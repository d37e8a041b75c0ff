"""Where in a network an operator comes from that a converter lacks."""

from __future__ import annotations

import re

import torch
from torch import nn

from posedeploy.convert.prepare import Prepared
from posedeploy.printable import listed
from posedeploy.suppress_output import unsaid

SHOWN = 3
"""Places that a message names."""
_TARGET = re.compile(
    r"target=torch\.ops\.([\w.]+)\]"  # a node, as exporters show it
    r"|^\s*target: ([\w.]+)$"  # what Inductor has no code for
    r"|CustomOpDef\(([\w:]+)\)"  # what torch.export does not know the shapes of
    r"|\A(\w+\.\w+\.\w+)$",  # the same, where it was registered in another way
    re.MULTILINE,
)


def blamed(error: BaseException) -> str | None:
    """The operator that a converter fails at, by what it raised, or the causes of that; None where none of
    them names one."""
    cause: BaseException | None = error
    while cause is not None:
        if found := _TARGET.search(str(cause)):
            return found[found.lastindex or 0]
        cause = cause.__cause__
    return None


def running(error: BaseException, network: nn.Module) -> str | None:
    """The path of the innermost module of a network that was running when this was raised; None where none
    was."""
    paths = {id(module): path for path, module in network.named_modules()}
    found, trace = None, error.__traceback__
    while trace is not None:
        found = paths.get(id(trace.tb_frame.f_locals.get("self")), found)
        trace = trace.tb_next
    return None if found is None else _shown(found)


def located(operator: str, prepared: Prepared) -> str:
    """An operator and the modules that it comes from, the first few by their paths."""
    try:
        with unsaid():
            program = torch.export.export(prepared.module, prepared.example, strict=False)
            program = program.run_decompositions()
    except Exception:  # what torch.export cannot take either: the converter's own error tells more
        return operator
    stacks = {node: node.meta.get("nn_module_stack") for node in program.graph.nodes}
    found = [stack for node, stack in stacks.items() if str(node.target) == operator]
    # Of a decomposition the name is part of that of the whole: special_bessel_j0.
    name = re.split(r"::|\.", operator)[1]
    found = found or [stack for node, stack in stacks.items() if name in str(node.target)]
    paths = [list(stack.values())[-1][0] for stack in found if stack]
    places = list(dict.fromkeys(map(_shown, paths)))
    return f"{operator} in {listed(places, SHOWN) or 'it'}"


def _shown(path: str) -> str:
    """A module's path as the user knows it: without our own module around the network."""
    return path.removeprefix("network").lstrip(".") or "it"
