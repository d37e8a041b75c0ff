"""Find the operator that a converter does not support, and its modules in the network."""

from __future__ import annotations

import re

import torch
from torch import nn

from posedeploy.convert.prepare import Prepared
from posedeploy.printable import listed
from posedeploy.suppress_output import suppress_python_output

MAX_LISTED = 3
"""Modules that a message lists."""
NETWORK = "the network itself"
"""The name of the root module, which has no path."""
_TARGET = re.compile(
    r"target=torch\.ops\.([\w.]+)\]"  # a node, as exporters print it
    r"|^\s*target: ([\w.]+)$"  # an operator that Inductor does not support
    r"|CustomOpDef\(([\w:]+)\)"  # an operator without a fake implementation
    r"|\A(\w+\.\w+\.\w+)$",  # the same, registered in C++
    re.MULTILINE,
)


def failed_operator(error: BaseException) -> str | None:
    """Return the operator named by an exception of a converter or by one of its causes; None if there is
    none."""
    cause: BaseException | None = error
    while cause is not None:
        if match := _TARGET.search(str(cause)):
            return match[match.lastindex or 0]
        cause = cause.__cause__
    return None


def running_module(error: BaseException, network: nn.Module) -> str | None:
    """Return the path of the innermost module that was running when the exception was raised, or None."""
    paths = {id(module): path for path, module in network.named_modules()}
    innermost, trace = None, error.__traceback__
    while trace is not None:
        innermost = paths.get(id(trace.tb_frame.f_locals.get("self")), innermost)
        trace = trace.tb_next
    return None if innermost is None else _user_path(innermost)


def locate_operator(operator: str, prepared: Prepared) -> str:
    """Return an operator and the paths of the first modules that it comes from."""
    try:
        with suppress_python_output():
            program = torch.export.export(prepared.module, prepared.example, strict=False)
            program = program.run_decompositions()
    except Exception:  # torch.export fails too, and the converter's own error is more useful
        return operator
    stacks = {node: node.meta.get("nn_module_stack") for node in program.graph.nodes}
    matches = [stack for node, stack in stacks.items() if str(node.target) == operator]
    # A decomposition contains the name of the operator, as in special_bessel_j0.
    name = re.split(r"::|\.", operator)[1]
    matches = matches or [stack for node, stack in stacks.items() if name in str(node.target)]
    paths = [list(stack.values())[-1][0] for stack in matches if stack]
    places = list(dict.fromkeys(map(_user_path, paths)))
    return f"{operator} in {listed(places, MAX_LISTED) or NETWORK}"


def _user_path(path: str) -> str:
    """Return a module's path without the export wrapper around the network."""
    return path.removeprefix("network").lstrip(".") or NETWORK
