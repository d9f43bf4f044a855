"""What printed programs call in place of our integration, which needs NumPy and SciPy alone.

The explicit methods give the same bits; those for stiff equations find their matrices by differences.
"""

import numpy as np


def odeint(rhs, operands, count, how):  # type: ignore[no-untyped-def]
    """The solution at the times, which are the last operand."""
    from scipy.integrate import solve_ivp

    params, y0, t = operands[:count], operands[count:-1], operands[-1]

    def packed(leaves):  # type: ignore[no-untyped-def]
        return np.concatenate([np.ravel(np.stack([x.real, x.imag]) if np.iscomplexobj(x) else x) for x in leaves])

    def unpacked(rows):  # type: ignore[no-untyped-def]
        leaves, at = [], 0
        for y in y0:
            part = rows[..., at : at + np.size(y)]
            at += np.size(y)
            if np.iscomplexobj(y):
                part = part + 1j * rows[..., at : at + np.size(y)]
                at += np.size(y)
            leaves.append(part.reshape((*rows.shape[:-1], *np.shape(y))).astype(np.asarray(y).dtype)[()])
        return leaves

    def f(time, v):  # type: ignore[no-untyped-def]
        return packed(rhs(*params, *unpacked(v), time))

    if t[0] == t[-1]:
        return tuple(np.stack([y] * len(t)) for y in y0)
    rows = solve_ivp(f, (t[0], t[-1]), packed(y0), how[0], t, rtol=how[1], atol=how[2]).y.T
    return tuple(unpacked(np.ascontiguousarray(rows)))


def odeint_adjoint(rhs, way_back, operands, count, collected, states, how):  # type: ignore[no-untyped-def]
    """Cotangents of the parameters, the start and the times, from those of the solution at the times."""
    from scipy.integrate import solve_ivp

    params, y0 = operands[:count], operands[count : count + states]
    t, cts = operands[count + states], operands[count + states + 1 :]

    def packed(leaves):  # type: ignore[no-untyped-def]
        return np.concatenate([np.ravel(np.stack([x.real, x.imag]) if np.iscomplexobj(x) else x) for x in leaves])

    def unpacked(v, like):  # type: ignore[no-untyped-def]
        leaves, at = [], 0
        for x in like:
            part = v[at : at + np.size(x)]
            at += np.size(x)
            if np.iscomplexobj(x):
                part = part + 1j * v[at : at + np.size(x)]
                at += np.size(x)
            leaves.append(part.reshape(np.shape(x)).astype(np.asarray(x).dtype)[()])
        return leaves

    def pairing(a, b):  # type: ignore[no-untyped-def]
        return sum(np.real(np.sum(x * y)) for x, y in zip(a, b, strict=True))

    def f(time, v):  # type: ignore[no-untyped-def]
        return packed(rhs(*params, *unpacked(v, y0), time))

    method, rtol, atol = how[:3]
    moves = t[0] != t[-1]
    path = (
        solve_ivp(f, (t[0], t[-1]), packed(y0), method, rtol=rtol, atol=atol, dense_output=True).sol if moves else None
    )

    def state(time):  # type: ignore[no-untyped-def]
        return unpacked(path(time), y0) if moves else y0  # type: ignore[misc]

    a = [np.zeros_like(y) for y in y0]
    carried = [*a, *[np.zeros_like(x) for x in way_back(*params, *y0, t[0], *a)[states:]]]
    for i in range(len(t) - 1, 0, -1):
        carried = [x + ct[i] for x, ct in zip(carried, cts, strict=False)] + carried[states:]
        way = 1.0 if t[i - 1] >= t[i] else -1.0

        def g(since, v):  # type: ignore[no-untyped-def]
            time = np.float64(t[i] + way * since)
            a = unpacked(v, carried)[:states]
            return way * packed(way_back(*params, *state(time), time, *a))

        end = solve_ivp(g, (0.0, abs(t[i - 1] - t[i])), packed(carried), method, rtol=rtol, atol=atol).y[:, -1]
        carried = unpacked(end, carried)
    slopes = [rhs(*params, *state(time), time) for time in t]
    of_times = np.array([pairing([ct[i] for ct in cts], slopes[i]) for i in range(len(t))])
    of_times[0] = -pairing(carried[:states], slopes[0])
    return (*carried[states:], *[x + ct[0] for x, ct in zip(carried, cts, strict=False)], of_times)
