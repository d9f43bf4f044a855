"""Nothing goes untested: every primitive has its laws, every operand moves, every rule is called, every name is used.

What is tested is found by looking: at what the laws are parametrized over, at the cases that are drawn, at which rules
run, and at the syntax of the tests, where only attributes and names count, no strings.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

import functrans as ft
from functrans.custom.primitive import USERS
from functrans.primitives import (
    Bilinear,
    Constant,
    Derivatives,
    Each,
    Linear,
    Primitive,
    Rules,
    forget,
    lookup,
    primitives,
)
from functrans.scipy.covering import COVERED
from functrans.testing import laws
from functrans.testing import strategies as st
from functrans.testing.case import Case, has_rule
from functrans.testing.laws import LAWS, Law
from functrans.testing.strategies.operands import RECIPES, has_operands
from functrans.tracing.dispatch import FUNCTIONS, METHODS, UFUNC_METHODS, UFUNCS, UNARY
from tests.laws import test_primitives as law_tests

TESTS = Path(__file__).parent
DESIGN = TESTS.parent / "docs" / "design.md"


# Laws.


def parametrized(test: Any) -> set[tuple[Law, Primitive]]:
    """The pairs that a test of laws is run with."""
    marks = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    return {parameter.values for mark in marks for parameter in mark.args[1]}


def lawless(
    subjects: Iterable[Primitive], smooth: set[tuple[Law, Primitive]], at_edges: set[tuple[Law, Primitive]]
) -> list[str]:
    """The primitives whose operands nobody knows, and the laws that are not run on a primitive."""
    found = []
    for primitive in subjects:
        if not has_operands(primitive):
            found.append(f"{primitive.name}: no operands")
        applying = {(law, primitive) for law in LAWS if law.applies_to(primitive)}
        missing = (applying - smooth) | ({pair for pair in applying if pair[0].anywhere} - at_edges)
        found += [f"{primitive.name}: {law.name}" for law, _ in missing]
    return sorted(found)


#: What means something inside of a named batch alone; `tests/transforms/test_collective.py` tests it there.
OF_A_BATCH = {"all_gather"}
#: What holds the value that a solver found: it moves as the equation says, which tests/implicit looks at, and its value
#: does not follow its operands; the solver itself, and the look at its result; integrals, which are as exact as asked.
OF_A_SOLVER = {"root", "solver", "expect_converged", "odeint", "odeint_adjoint"}


def test_every_law_is_run_on_every_primitive():
    run = parametrized(law_tests.test_law), parametrized(law_tests.test_law_at_edges)
    # What has an effect gives nothing back, and has no derivative; `tests/debug/test_effects.py` tests it.
    apart = OF_A_BATCH | OF_A_SOLVER | USERS
    assert lawless([p for p in primitives() if p.name not in apart and not p.effect], *run) == []


@pytest.fixture
def planted():
    """A primitive that has no operands, and a rule that is called nowhere."""
    rules = Linear((lambda ct, x, y: ct, lambda ct, x, y: ct))
    made = Primitive("planted", np.add, lambda x, y: x, rules)
    yield made
    forget(made)
    RECIPES.pop("planted", None)


def test_a_primitive_without_laws_is_found(planted):
    run = parametrized(law_tests.test_law), parametrized(law_tests.test_law_at_edges)
    found = lawless([lookup("sin"), planted], *run)
    assert "planted: no operands" in found
    assert "planted: forward_and_reverse_are_adjoint" in found
    assert len(found) == 1 + sum(law.applies_to(planted) for law in LAWS)
    without = {pair for pair in run[1] if pair != (laws.zero_absorbs, lookup("sin"))}
    assert lawless([lookup("sin")], run[0], without) == ["sin: zero_absorbs"]


#: Each law of the design, by how its sentence begins, and where it is said: functions of `laws`, or test files.
OF_THE_DESIGN: dict[str, list[str]] = {
    "`evaluate(trace(f)(x), x) == f(x)`": ["staging_changes_nothing", "printing_changes_nothing"],
    "`jvp` agrees with a numerical derivative": [
        "jvp_is_the_numerical_derivative",
        "second_derivative_is_the_numerical_one",
    ],
    "`<w, J v> == <J^T w, v>`": ["forward_and_reverse_are_adjoint", "nesting_in_any_order_gives_the_same"],
    "Linear in the tangent": ["linear_in_the_tangent", "transposed_twice_is_the_map"],
    "`validate()` accepts": [
        "staging_changes_nothing",
        "staged_derivatives_are_the_live_ones",
        "staged_second_derivatives_are_the_live_ones",
    ],
    "Nesting in any order": ["nesting_in_any_order_gives_the_same"],
    "`vmap(f)` is the stack of a loop": [
        "batched_is_stacked",
        "batched_derivatives_are_stacked",
        "derivative_of_the_batch",
    ],
    "`jacobian`, `jacfwd` and `jacrev` are equal": ["jacobians_hold_every_derivative"],
    "The program of `linearize` is `J`": ["linear_programs_are_the_derivative"],
    "Hessians are symmetric": ["hessians_are_symmetric"],
    "`jit(f)(x) == f(x)`": ["compiling_changes_nothing", "tests/compile/passes/laws.py"],
    # It is about what users write, not about primitives.
    "What would lose a derivative is raised": ["tests/test_errors.py", "tests/test_kinks.py"],
}


def laws_of(text: str) -> list[str]:
    """The numbered sentences of the design's section of laws."""
    section = text.partition("## 3. The laws")[2].partition("\n## ")[0]
    return [
        " ".join(law.split()) for law in re.findall(r"^\d+\. (.*?)(?=^\d+\. |\Z)", section, re.MULTILINE | re.DOTALL)
    ]


def unsaid(text: str, said: Iterable[str]) -> list[str]:
    """The laws of the design that are no functions."""
    said = set(said)
    found = []
    for sentence in laws_of(text):
        homes = [homes for start, homes in OF_THE_DESIGN.items() if sentence.startswith(start)]
        if not homes or not all(home in said or (TESTS.parent / home).is_file() for home in homes[0]):
            found.append(sentence)
    return found


def test_every_law_of_the_design_is_a_function():
    text = DESIGN.read_text(encoding="utf-8")
    assert len(laws_of(text)) >= 12
    assert unsaid(text, [law.name for law in LAWS]) == []
    assert all(getattr(laws, law.name) is law for law in LAWS)


def test_a_law_that_is_no_function_is_found():
    text = DESIGN.read_text(encoding="utf-8")
    names = {law.name for law in LAWS}
    assert [s[:12] for s in unsaid(text, names - {"linear_in_the_tangent"})] == ["Linear in th"]
    more = text.replace("## 4. ", "13. Vectorizing changes nothing.\n\n## 4. ")
    assert unsaid(more, names) == ["Vectorizing changes nothing."]


# Operands and rules.

#: What no case of a primitive itself calls or moves, and a primitive whose cases do so.
BY_OTHERS = {
    # It reads one triangle of its first operand, which must stay hermitian: it moves where that is made so.
    "lyapunov": "polar_factor",
}

#: Operands that no case moves, since NumPy or SciPy refuse what is beside them, and why; other tests move them.
HELD = {
    f"scipy.linalg.solve_{kind}_are{operands}": (
        {2, 3},
        "they must stay hermitian: tests/scipy/test_linalg_functions.py",
    )
    for kind in ("continuous", "discrete")
    for operands in ("", "_5", "_6")
} | {
    "scipy.linalg.solve_by_cholesky": ({0}, "it must stay symmetric: tests/compile/passes/test_factorizations.py"),
}


def rules_of(primitive: Primitive) -> dict[str, Callable[..., Any]]:
    """Every rule function of a primitive, by what it is."""
    match primitive.derivative:
        case Derivatives(locals=rules, singular=singular):
            named = {f"locals[{i}]": rule for i, rule in enumerate(rules)} | {"singular": singular}
        case Linear(collector=collector) if collector is not None:  # it stands for the rule of operand 0
            named = {"collector": collector}
        case Linear(transposes=Each(rule=rule)) | Bilinear(transposes=Each(rule=rule)):
            named = {"transposes": rule}
        case Linear(transposes=rules) | Bilinear(transposes=rules):
            named = {f"transposes[{i}]": rule for i, rule in enumerate(rules)}
        case Rules(jvp=jvp, vjp=vjp):
            named = {f"jvp[{i}]": rule for i, rule in enumerate(jvp)}
            named |= {f"vjp[{i}]": rule for i, rule in enumerate(vjp or ())}
        case _:
            named = {}
    return {name: rule for name, rule in named.items() if callable(rule)}


def watched(primitive: Primitive, called: set[str]) -> Any:
    """The derivative of a primitive, whose rules note their names when they are called."""

    def noting(name: str, rule: Any) -> Any:
        if not callable(rule):
            return rule

        @functools.wraps(rule)  # what a rule reads is found by its code
        def noted(*args: Any, **params: Any) -> Any:
            called.add(name)
            return rule(*args, **params)

        return noted

    def several(kind: str, rules: Any) -> Any:
        if isinstance(rules, Each):
            return Each(noting(kind, rules.rule))
        return tuple([noting(f"{kind}[{i}]", rule) for i, rule in enumerate(rules)])

    match primitive.derivative:
        case Derivatives(locals=rules, singular=singular):
            return Derivatives(several("locals", rules), noting("singular", singular))
        case Linear(transposes=rules, collector=collector):
            return Linear(several("transposes", rules), noting("collector", collector))
        case Bilinear(transposes=rules):
            return Bilinear(several("transposes", rules))
        case Rules(jvp=jvp, vjp=vjp):
            return Rules(several("jvp", jvp), None if vjp is None else several("vjp", vjp))
    return primitive.derivative


def uncalled(rules: dict[str, Callable[..., Any]], called: set[str]) -> list[str]:
    """The rules that were not called, nor another that is made by the same function (one for each of many operands)."""
    codes = {rule_code(rules[name]) for name in called if name in rules}
    return sorted(name for name, rule in rules.items() if name not in called and rule_code(rule) not in codes)


def rule_code(rule: Any) -> Any:
    return getattr(rule, "__code__", rule)


def movable(case: Case) -> set[int]:
    """The operands of a case that have a rule and could move."""
    return {
        i for i, arg in enumerate(case.args) if has_rule(case.primitive, i) and ft.ArraySpec.of(arg).dtype.kind in "fc"
    }


QUICK = settings(
    max_examples=120,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def idle(primitive: Primitive) -> list[str]:
    """The rules that no case calls, and the operands with a rule that move in none."""
    rules = rules_of(primitive)
    called: set[str] = set()
    could_move: set[int] = set()
    moved: set[int] = set()

    def nothing_is_idle(case: Case) -> bool:
        if case.primitive is primitive:
            could_move.update(movable(case))
            moved.update(case.moving)
        if case.moving:
            laws.forward_and_reverse_are_adjoint(case)
            if case.primitive is not primitive:
                laws.nesting_in_any_order_gives_the_same(case)
        return not uncalled(rules, called) and could_move <= moved

    def watch(cases: Any) -> None:
        with contextlib.suppress(NoSuchExample):
            find(cases, nothing_is_idle, settings=QUICK)

    derivative = primitive.derivative
    primitive.derivative = watched(primitive, called)
    try:
        watch(st.cases(primitive))
        if uncalled(rules, called) and primitive.name in BY_OTHERS:
            could_move.clear()
            watch(st.cases(BY_OTHERS[primitive.name]))
    finally:
        primitive.derivative = derivative
    could_move -= HELD.get(primitive.name, (set(), ""))[0]
    idle = [f"{primitive.name}.{name}" for name in uncalled(rules, called)]
    return idle + [f"{primitive.name} in operand {i}" for i in sorted(could_move - moved)]


def test_every_rule_is_called_and_every_operand_moves():
    found = [idle(p) for p in primitives() if has_operands(p) and not isinstance(p.derivative, Constant)]
    assert list(itertools.chain.from_iterable(found)) == []


def test_others_are_asked_only_where_it_is_needed():
    for name in BY_OTHERS:
        assert RECIPES[name].moving is not None


def test_a_rule_that_is_never_called_is_found(planted):
    st.register(planted, lambda draw: ([draw((3,)), draw((3,), place=1)], {}))
    assert idle(planted) == []
    st.register(planted, lambda draw: ([draw((3,)), draw((3,), place=1)], {}), moving=[0])
    assert idle(planted) == ["planted.transposes[1]", "planted in operand 1"]
    planted.derivative = Rules(
        [lambda dx, out, x, y: dx, lambda dy, out, x, y: dy], [lambda ct, out, x, y: ct, lambda ct, out, x, y: ct]
    )
    assert idle(planted) == ["planted.jvp[1]", "planted.vjp[1]", "planted in operand 1"]
    planted.derivative = Derivatives([1.0, lambda out, x, y: 1.0], singular=lambda x, y: False)
    assert idle(planted) == ["planted.locals[1]", "planted in operand 1"]
    assert idle(lookup("hypot")) == []


# Names.


class Uses(ast.NodeVisitor):
    """What a test file uses: names in full (``numpy.linalg.norm``), and attributes of values (``sum``)."""

    def __init__(self, source: str, tables: bool = True) -> None:
        self.imported: dict[str, str] = {}
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.with_keywords: set[str] = set()
        self.listed: set[str] = set()
        self.looked_up: set[str | None] = set()
        self.visit(ast.parse(source))
        # A test that goes through a table by `getattr(np, name)` uses the names in its tables.
        for base in self.looked_up if tables else ():
            if base is None:
                self.attributes |= self.listed
            else:
                self.names |= {f"{base}.{name}" for name in self.listed}

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imported[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def full(self, node: ast.expr) -> str | None:
        """The name in full, of a module's attribute."""
        if isinstance(node, ast.Name):
            return self.imported.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.full(node.value)
            return None if base is None else f"{base}.{node.attr}"
        return None

    def visit_Attribute(self, node: ast.Attribute) -> None:
        base = self.full(node.value)
        if base is not None:
            self.names.add(f"{base}.{node.attr}")
        if base is None or not isinstance(resolved(base), ModuleType):
            self.attributes.add(node.attr)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self.imported and isinstance(node.ctx, ast.Load):
            self.names.add(self.imported[node.id])

    def visit_Dict(self, node: ast.Dict) -> None:
        self.list_names([key for key in node.keys if key is not None])
        self.generic_visit(node)

    def visit_List(self, node: ast.List | ast.Tuple | ast.Set) -> None:
        self.list_names(node.elts)
        self.generic_visit(node)

    visit_Tuple = visit_Set = visit_List

    def list_names(self, nodes: Iterable[ast.expr]) -> None:
        self.listed |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}

    def visit_Call(self, node: ast.Call) -> None:
        match node:
            case ast.Call(func=ast.Name(id="getattr"), args=[base, name, *_]) if not isinstance(name, ast.Constant):
                self.looked_up.add(self.full(base))
        name = self.full(node.func)
        if name is not None and node.keywords:
            self.with_keywords.add(name)
        self.generic_visit(node)


@functools.cache
def resolved(name: str) -> Any:
    """What a name in full stands for; ``None``, if nothing."""
    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:split]))
        except (ImportError, ValueError):
            continue
        try:
            return functools.reduce(getattr, parts[split:], module)
        except AttributeError:
            return None
    return None


def by_identity(names: Iterable[str]) -> dict[int, Any]:
    """What some names stand for, by its identity."""
    found = [resolved(name) for name in names]
    return {id(value): value for value in found if value is not None}


class Used:
    """What the tests use."""

    def __init__(self, uses: list[Uses]) -> None:
        self.names: set[str] = set().union(*[use.names for use in uses])
        self.attributes: set[str] = set().union(*[use.attributes for use in uses])
        self.values = by_identity(self.names)
        self.called_with_keywords = by_identity(set().union(*[use.with_keywords for use in uses]))

    def __contains__(self, name: str) -> bool:
        """Whether a name in full, or another name of the same thing, is used."""
        return name in self.names or id(resolved(name)) in self.values


#: Tests that look whether names are there, and use none.
LISTS = {"test_package.py", "test_namespace.py"}


@functools.cache
def used() -> Used:
    files = [path for path in TESTS.rglob("*.py") if path != Path(__file__)]
    return Used([Uses(path.read_text(encoding="utf-8"), path.name not in LISTS) for path in files])


def own_names(module: Any) -> list[str]:
    """The public functions and classes that a module defines."""
    return [
        name
        for name, value in vars(module).items()
        if name[0] != "_" and callable(value) and getattr(value, "__module__", "") == module.__name__
    ]


def public_names() -> list[str]:
    """Every public name of functrans, in full."""
    errors = [name for name in own_names(ft.errors) if name.endswith("Error")]
    listed = {
        "functrans": ft.__all__,
        "functrans.debug": ft.debug.__all__,
        "functrans.testing": ft.testing.__all__,
        "functrans.testing.strategies": st.__all__,
        "functrans.tree": own_names(ft.tree),
        "functrans.errors": errors,
        "functrans.numpy": sorted(ft.numpy._own),
        **{f"functrans.{home}": sorted(names) for home, names in COVERED.items()},
    }
    return [f"{home}.{name}" for home, names in listed.items() for name in names]


def untested(used: Used) -> list[str]:
    """The public names, and the functions and methods of NumPy that functrans traces, which no test uses."""
    found = [name for name in public_names() if name not in used]
    found += [f"Program.{name}" for name in vars(ft.Program) if name[0] != "_" and name not in used.attributes]
    for function in [*UFUNCS, *UNARY, *FUNCTIONS]:
        if id(function) not in used.values and function.__name__[0] != "_":
            found.append(f"{getattr(function, '__module__', 'numpy')}.{function.__name__}")
    found += [f"ndarray.{name}" for name in METHODS if name not in used.attributes]
    keywords = any(id(ufunc) in used.called_with_keywords for ufunc in UFUNCS)
    found += [
        f"ufunc.{name}" for name in UFUNC_METHODS if not (keywords if name == "__call__" else name in used.attributes)
    ]
    return sorted(set(found))


def test_every_public_function_has_a_test():
    assert untested(used()) == []


SOURCE = """
import numpy as np
import functrans as ft
import functrans.numpy as fnp
from functrans.errors import ShapeError, TreeError
from functrans.testing import strategies as drawing

def test(x, names=["cosh", "tanh"]):
    "ft.vjp, np.cos"  # np.tan
    program = ft.trace(np.sin)(x)
    program.validate()
    "x.prod"
    x.sum().reshape(3)
    np.add(x, x, where=True), fnp.linalg.inv(x), np.acos(x), np.multiply.reduce(x)
    drawing.arrays()
    raise TreeError
    getattr(np, names[0])
"""


def test_what_counts_as_a_use():
    nothing = set(untested(Used([])))
    assert nothing - set(untested(Used([Uses(SOURCE)]))) == {
        *("functrans.trace", "functrans.errors.TreeError", "functrans.testing.strategies.arrays"),
        *("functrans.numpy", "functrans.testing.strategies", "Program.validate", "ndarray.sum", "ndarray.reshape"),
        *("numpy.sin", "numpy.add", "numpy.multiply", "numpy.linalg.inv", "numpy.arccos", "numpy.cosh", "numpy.tanh"),
        *("ufunc.reduce", "ufunc.__call__"),
    }
    assert "numpy.cosh" in untested(Used([Uses(SOURCE, tables=False)]))
    assert {"functrans.vjp", "numpy.cos", "numpy.tan", "ndarray.prod", "functrans.errors.ShapeError"} < nothing


def test_a_public_function_without_a_test_is_found(monkeypatch):
    def planted(x):
        return x

    before = untested(used())
    monkeypatch.setattr(ft, "__all__", [*ft.__all__, "planted"])
    monkeypatch.setattr(ft, "planted", planted, raising=False)
    monkeypatch.setattr(st, "__all__", [*st.__all__, "planted_too"])
    monkeypatch.setitem(FUNCTIONS, planted, planted)
    monkeypatch.setitem(METHODS, "planted_method", planted)
    monkeypatch.setattr(
        ft.errors, "PlantedError", type("PlantedError", (Exception,), {"__module__": "functrans.errors"}), raising=False
    )
    new = set(untested(used())) - set(before)
    assert new == {
        "functrans.planted",
        "functrans.testing.strategies.planted_too",
        "functrans.errors.PlantedError",
        f"{planted.__module__}.planted",
        "ndarray.planted_method",
    }
