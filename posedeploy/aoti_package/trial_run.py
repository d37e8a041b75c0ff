"""What the child process does: load a package, run it on each set of inputs, unload it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posedeploy.aoti_package.loader import load_package


def run(request: Mapping[str, Any], enter: Callable[[str], None]) -> None:
    """Run the package ``request["package"]`` on ``request["device"]``, in the current folder.

    Args:
        enter: is called with the name of each stage, before it.
    """
    enter("device")
    device = torch.device(request["device"])
    # As the reference does: float32 is float32.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.zeros(1, device=device)
    enter("load")
    program = load_package(Path(request["package"]), device)
    enter("run")
    with torch.inference_mode():
        for number, count in enumerate(request["inputs"]):
            arrays = (np.load(f"input-{number}-{index}.npy") for index in range(count))
            outputs = program(*(torch.from_numpy(array).to(device) for array in arrays))
            for index, output in enumerate(outputs):
                np.save(f"output-{number}-{index}.npy", output.cpu().numpy())
    enter("unload")
    del program
    gc.collect()
