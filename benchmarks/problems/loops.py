"""Loops: ADBench's LSTM, and a Runge-Kutta integration; as loops in Python, and as scans."""

from __future__ import annotations

from typing import Any

import numpy as np

from problems.problem import Library, Problem

# The LSTM: two layers of width 14. `main` has two rows of 4 widths for each layer, `extra` three rows of one width,
# `state` two rows for each layer.

WIDTH, LAYERS = 14, 2


def _cell(m: Any, weight: Any, bias: Any, hidden: Any, cell: Any, x: Any) -> tuple[Any, Any]:
    gates = m.concatenate([x, x, hidden, hidden]) * weight + bias
    forget, gain, out = [1.0 / (1.0 + m.exp(-gates[i * WIDTH : (i + 1) * WIDTH])) for i in range(3)]
    cell = cell * forget + gain * m.tanh(gates[3 * WIDTH :])
    return out * m.tanh(cell), cell


def _predicted(m: Any, main: Any, extra: Any, state: Any, x: Any) -> tuple[Any, Any]:
    """What comes after ``x``, in logarithms; and the state."""
    x = x * extra[0]
    found = []
    for i in range(0, 2 * LAYERS, 2):
        x, cell = _cell(m, main[i], main[i + 1], state[i], state[i + 1], x)
        found += [x, cell]
    return x * extra[1] + extra[2], found


def lstm(lib: Library, main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    m = lib.np
    state = [state[i] for i in range(2 * LAYERS)]
    total = 0.0
    for t in range(len(sequence) - 1):
        y, state = _predicted(m, main, extra, state, sequence[t])
        total = total + m.sum(sequence[t + 1] * (y - m.log(2.0 + m.sum(m.exp(y)))))
    return -total / ((len(sequence) - 1) * WIDTH)


def lstm_scan(lib: Library, main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    m = lib.np

    def step(carry: Any, xs: Any) -> Any:
        state, total = carry
        y, state = _predicted(m, main, extra, state, xs[0])
        return (state, total + m.sum(xs[1] * (y - m.log(2.0 + m.sum(m.exp(y)))))), None

    start = ([state[i] for i in range(2 * LAYERS)], 0.0 * state[0, 0])
    (_, total), _ = lib.scan(step, start, (sequence[:-1], sequence[1:]))  # type: ignore[misc]
    return -total / ((len(sequence) - 1) * WIDTH)


def lstm_by_hand(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    """Forwards with what is needed kept, and backwards. The three gates are one call of ``exp``."""
    n = 3 * WIDTH
    steps = len(sequence) - 1
    hidden, cells = [state[0], state[2]], [state[1], state[3]]
    kept, tops, values = [], [], []
    weights, biases = (main[0], main[2]), (main[1], main[3])
    for t in range(steps):
        x = sequence[t] * extra[0]
        for i in range(LAYERS):
            given = np.concatenate([x, x, hidden[i], hidden[i]])
            gates = given * weights[i] + biases[i]
            opened = 1.0 / (1.0 + np.exp(-gates[:n]))
            change = np.tanh(gates[n:])
            before = cells[i]
            cells[i] = before * opened[:WIDTH] + opened[WIDTH : 2 * WIDTH] * change
            bent = np.tanh(cells[i])
            hidden[i] = x = opened[2 * WIDTH :] * bent
            kept.append((given, opened, change, before, bent))
        y = x * extra[1] + extra[2]
        e = np.exp(y)
        total = 2.0 + np.sum(e)
        gold = sequence[t + 1]
        values.append(np.sum(gold * (y - np.log(total))))
        tops.append((x, gold, e / total))
    scale = -1.0 / (steps * WIDTH)
    g_main, g_extra = np.zeros_like(main), np.zeros_like(extra)
    g_hidden, g_cells = [np.zeros(WIDTH), np.zeros(WIDTH)], [np.zeros(WIDTH), np.zeros(WIDTH)]
    for t in reversed(range(steps)):
        x, gold, p = tops[t]
        gy = scale * (gold - np.sum(gold) * p)
        g_extra[1] += gy * x
        g_extra[2] += gy
        gx = gy * extra[1]
        for i in reversed(range(LAYERS)):
            given, opened, change, before, bent = kept[LAYERS * t + i]
            gh = g_hidden[i] + gx
            gc = g_cells[i] + gh * opened[2 * WIDTH :] * (1.0 - bent * bent)
            gate = np.concatenate([gc * before, gc * change, gh * bent]) * opened * (1.0 - opened)
            gate = np.concatenate([gate, gc * opened[WIDTH : 2 * WIDTH] * (1.0 - change * change)])
            g_cells[i] = gc * opened[:WIDTH]
            g_main[2 * i] += gate * given
            g_main[2 * i + 1] += gate
            back = gate * weights[i]
            gx = back[:WIDTH] + back[WIDTH : 2 * WIDTH]
            g_hidden[i] = back[2 * WIDTH : n] + back[n:]
        g_extra[0] += gx * sequence[t]
    return scale * sum(values), (g_main, g_extra)


def text(length: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(2 * LAYERS, 4 * WIDTH)),
        rng.normal(size=(3, WIDTH)),
        rng.normal(size=(2 * LAYERS, WIDTH)),
        (rng.uniform(size=(length, WIDTH)) > 0.5).astype(float),
    )


# y' = sin(A y), by Runge's and Kutta's method of order 4.

STEP = 0.01


def _advanced(m: Any, a: Any, y: Any) -> Any:
    k1 = m.sin(a @ y)
    k2 = m.sin(a @ (y + 0.5 * STEP * k1))
    k3 = m.sin(a @ (y + 0.5 * STEP * k2))
    k4 = m.sin(a @ (y + STEP * k3))
    return y + STEP / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


def integration(lib: Library, a: Any, y: Any) -> Any:
    for _ in range(1000):
        y = _advanced(lib.np, a, y)
    return lib.np.sum(y * y)


def integration_scan(lib: Library, a: Any, y: Any) -> Any:
    y, _ = lib.scan(lambda y, _: (_advanced(lib.np, a, y), None), y, None, length=1000)  # type: ignore[misc]
    return lib.np.sum(y * y)


def integration_by_hand(a: Any, y: Any) -> Any:
    half, sixth = 0.5 * STEP, STEP / 6.0
    kept = []
    for _ in range(1000):
        z1 = a @ y
        k1 = np.sin(z1)
        y2 = y + half * k1
        z2 = a @ y2
        k2 = np.sin(z2)
        y3 = y + half * k2
        z3 = a @ y3
        k3 = np.sin(z3)
        y4 = y + STEP * k3
        z4 = a @ y4
        kept.append((y, z1, y2, z2, y3, z3, y4, z4))
        y = y + sixth * (k1 + 2.0 * k2 + 2.0 * k3 + np.sin(z4))
    g, ga, at = 2.0 * y, np.zeros_like(a), a.T
    for y1, z1, y2, z2, y3, z3, y4, z4 in reversed(kept):
        share = sixth * g
        g4 = share * np.cos(z4)
        h4 = at @ g4
        g3 = (2.0 * share + STEP * h4) * np.cos(z3)
        h3 = at @ g3
        g2 = (2.0 * share + half * h3) * np.cos(z2)
        h2 = at @ g2
        g1 = (share + half * h2) * np.cos(z1)
        g = g + h4 + h3 + h2 + at @ g1
        ga += np.outer(g4, y4) + np.outer(g3, y3) + np.outer(g2, y2) + np.outer(g1, y1)
    return np.sum(y * y), (ga, g)


def system() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return 0.5 * rng.normal(size=(8, 8)), rng.normal(size=8)


LOOPS, SCANS = ("autograd", "torch"), ("jax",)  # jax compiles what a loop unrolls to for minutes
PROBLEMS = (
    Problem("LSTM, loop of 128 steps", lstm, lambda: text(129), lstm_by_hand, (0, 1), 1.1, peers=LOOPS),
    Problem("LSTM, scan of 1,023 steps", lstm_scan, lambda: text(1024), lstm_by_hand, (0, 1), 1.1, peers=SCANS),
    Problem("RK4, loop of 1,000 steps", integration, system, integration_by_hand, (0, 1), 1.1, peers=LOOPS),
    Problem("RK4, scan of 1,000 steps", integration_scan, system, integration_by_hand, (0, 1), 1.1, peers=SCANS),
)
