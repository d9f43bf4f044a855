"""Checked annotations, and hypothesis profiles.

``ci``, the default, is quick and draws the same examples every time; ``rough`` is quick to fail too, as it does not
make examples smaller; ``thorough`` takes its time, draws others every time, and remembers those that failed. Choose
with ``pytest --hypothesis-profile=thorough`` or with the environment variable ``HYPOTHESIS_PROFILE``; see
``docs/testing.md``.
"""

import gc
import os

# Tens of thousands of tests are alive; to look through them for garbage less often saves a tenth of the time.
gc.set_threshold(100_000, 50, 50)

# The tests run in one process for each core: threads of BLAS beside these only wait for one another.
for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

from jaxtyping import install_import_hook  # noqa: E402

# Annotations of arrays are checked against every call. Before anything of functrans is imported.
for _module in ("linalg", "singular", "determinant", "cholesky"):
    install_import_hook(f"functrans.ops.{_module}", "beartype.beartype")

from hypothesis import HealthCheck, Phase, settings  # noqa: E402

_SLOW_MACHINES = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
settings.register_profile(
    "ci", derandomize=True, database=None, max_examples=30, deadline=None, suppress_health_check=_SLOW_MACHINES
)
settings.register_profile("rough", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate])
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=_SLOW_MACHINES)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "ci")
