"""SciPy is loaded when it is used, and asked for where it is missing."""

import subprocess
import sys

CODE = """
import sys
sys.modules["scipy"] = None  # as if it were not installed
import numpy as np
import functrans as ft
for name in ("minimize", "least_squares", "root"):
    try:
        getattr(ft.optimize, name)(np.sum, [1.0])
    except ImportError as error:
        print(error)
"""


def test_a_missing_scipy_is_named():
    out = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
    line = "functrans.optimize needs SciPy, which is not installed\nFix: `pip install 'functrans[scipy]'`.\n"
    assert out == 3 * line


def test_scipy_is_loaded_by_the_first_call_only():
    code = (
        "import functrans as ft; ft.optimize.minimize; import sys; print('scipy' in sys.modules, 'tqdm' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "False False\n"
