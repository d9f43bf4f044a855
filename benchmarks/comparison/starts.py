"""Fresh processes: how long an import takes, and how long the first gradient of a network."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from timing import table

# With compiled modules kept, as in any installation, and functrans found from its checkout.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
_ENVIRONMENT["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])

IMPORTS = {
    "import numpy": "numpy",
    "import functrans": "functrans",
    "import functrans; functrans.grad": "functrans",  # all that a first gradient needs
    "import autograd": "autograd",
    "import mygrad": "mygrad",
    "import jax": "jax",
    "import torch": "torch",
}

_SETUP = """
import numpy as np
rng = np.random.default_rng(0)
w1, w2 = rng.normal(size=(64, 32)), rng.normal(size=(32, 10))
x, y = rng.normal(size=(16, 64)), rng.normal(size=(16, 10))
"""
_LOSS = """
def loss(params):
    return lib.mean((lib.tanh(x @ params[0]) @ params[1] - y) ** 2)
"""
_TENSORS = """
w1, w2 = torch.tensor(w1, requires_grad=True), torch.tensor(w2, requires_grad=True)
x, y = torch.tensor(x), torch.tensor(y)
"""

#: Whole programs: the gradient of the loss of a network 64-32-10 at 16 examples, and then the end of the process.
FIRST = {
    "NumPy, value only": _SETUP + "lib = np" + _LOSS + "loss((w1, w2))",
    "functrans": _SETUP + "import functrans as ft; lib = np" + _LOSS + "ft.grad(loss)((w1, w2))",
    "functrans, `ft.jit`": _SETUP + "import functrans as ft; lib = np" + _LOSS + "ft.jit(ft.grad(loss))((w1, w2))",
    "autograd": _SETUP + "import autograd, autograd.numpy as lib" + _LOSS + "autograd.grad(loss)((w1, w2))",
    "MyGrad": _SETUP + "import mygrad as lib; w1, w2 = lib.tensor(w1), lib.tensor(w2)" + _LOSS
    + "loss((w1, w2)).backward(); w1.grad",
    "JAX": _SETUP + "import jax, jax.numpy as lib" + _LOSS + "jax.block_until_ready(jax.grad(loss)((w1, w2)))",
    "JAX, `jax.jit`": _SETUP + "import jax, jax.numpy as lib" + _LOSS
    + "jax.block_until_ready(jax.jit(jax.grad(loss))((w1, w2)))",
    "PyTorch": _SETUP + "import torch; import torch as lib" + _TENSORS + _LOSS + "loss((w1, w2)).backward(); w1.grad",
}  # fmt: skip
_NEEDS = {"autograd": "autograd", "MyGrad": "mygrad", "JAX": "jax", "JAX, `jax.jit`": "jax", "PyTorch": "torch"}


def seconds(program: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, env=_ENVIRONMENT)
    return time.perf_counter() - start


def medians(programs: dict[str, str], rounds: int) -> dict[str, float]:
    """Seconds beyond starting Python: medians, all programs once a round."""
    programs = {"": "pass", **programs}
    for program in programs.values():
        seconds(program)
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            times[name].append(seconds(program))
    base = statistics.median(times.pop(""))
    return {name: statistics.median(found) - base for name, found in times.items()}


def imports(rounds: int) -> str:
    """The table of imports."""
    times = medians({name: name for name, module in IMPORTS.items() if find_spec(module)}, rounds)
    numpy = times["import numpy"]
    rows = [["statement", "ms beyond starting Python", "of `import numpy`"]]
    rows += [[f"`{name}`", f"{own * 1e3:.0f}", f"{own / numpy:.2f}"] for name, own in times.items()]
    return table(rows)


def first(rounds: int) -> str:
    """The table of first gradients."""
    times = medians({name: program for name, program in FIRST.items() if find_spec(_NEEDS.get(name, "numpy"))}, rounds)
    plain = times["NumPy, value only"]
    rows = [["library", "ms beyond starting Python", "of NumPy's program"]]
    rows += [[name, f"{own * 1e3:.0f}", f"{own / plain:.2f}"] for name, own in times.items()]
    return table(rows)
