"""ADBench's bundle adjustment: the blocks of the Jacobian, one for each observation."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from problems.problem import Library, Problem


def reprojection(lib: Library, camera: Any, point: Any, weight: Any, feature: Any) -> Any:
    """What a camera's picture of a point misses. A camera: rotation (3), place (3), focus, centre (2), bend (2)."""
    m = lib.np
    turn, u = camera[0:3], point - camera[3:6]
    angle = m.sqrt(m.sum(turn * turn))
    axis = turn / angle
    cosine = m.cos(angle)
    seen = u * cosine + m.cross(axis, u) * m.sin(angle) + axis * (m.sum(axis * u) * (1.0 - cosine))
    p = seen[:2] / seen[2]
    r = m.sum(p * p)
    return weight * (p * (1.0 + camera[9] * r + camera[10] * r * r) * camera[6] + camera[7:9] - feature)


def reprojection_by_hand(cameras: Any, points: Any, weights: Any, features: Any) -> Any:
    """The blocks in closed form, with the observations as the last axis while they are computed."""
    c, u = cameras.T.copy(), points.T - cameras[:, 3:6].T
    turn, focus, centre, k1, k2 = c[0:3], c[6], c[7:9], c[9], c[10]
    angle = np.sqrt(np.sum(turn * turn, axis=0))
    w = turn / angle
    cosine, sine = np.cos(angle), np.sin(angle)
    versine = 1.0 - cosine
    wu = np.sum(w * u, axis=0)
    wxu = np.array([w[1] * u[2] - w[2] * u[1], w[2] * u[0] - w[0] * u[2], w[0] * u[1] - w[1] * u[0]])
    y = u * cosine + wxu * sine + w * (wu * versine)
    p = y[:2] / y[2]
    r = np.sum(p * p, axis=0)
    bend = 1.0 + k1 * r + k2 * r * r
    # The error in y: in p, and of p.
    slope = 2.0 * (k1 + 2.0 * k2 * r)
    scale = focus * weights / y[2]
    e0, e1 = scale * (bend + slope * p[0] * p[0]), scale * (slope * p[0] * p[1])
    e3 = scale * (bend + slope * p[1] * p[1])
    rows = np.array([[e0, e1, -(e0 * p[0] + e1 * p[1])], [e1, e3, -(e1 * p[0] + e3 * p[1])]])
    # y in u is the rotation; its transpose goes on the rows.
    along = np.sum(rows * w, axis=1)
    across = _cross(rows, w)
    in_u = rows * cosine + across * sine + w * (along * versine)[:, None]
    # y in the angle, and in the axis, which only turns.
    in_angle = np.sum(rows * (wxu * cosine - u * sine + w * (wu * sine)), axis=1)
    in_axis = _cross(u, rows) * sine + (rows * wu + u * along[:, None]) * versine
    in_axis -= w * np.sum(in_axis * w, axis=1)[:, None]
    blocks = np.empty((2, 11, len(cameras)))
    blocks[:, 0:3] = w * in_angle[:, None] + in_axis / angle
    blocks[:, 3:6] = -in_u
    blocks[:, 6] = weights * bend * p
    blocks[:, 7:9] = np.eye(2)[:, :, None] * weights
    blocks[:, 9] = (weights * focus * r) * p
    blocks[:, 10] = blocks[:, 9] * r
    in_weight = p * (bend * focus) + centre - features.T
    return blocks.transpose(2, 0, 1), in_u.transpose(2, 0, 1), in_weight.T


def _cross(a: Any, b: Any) -> Any:
    """Of the last axis but one."""
    a0, a1, a2 = np.moveaxis(a, -2, 0)
    b0, b1, b2 = np.moveaxis(b, -2, 0)
    return np.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=-2)


def observations(n: int = 31_843) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    cameras = np.concatenate(
        [
            rng.normal(size=(n, 3)),
            0.1 * rng.normal(size=(n, 3)),
            rng.uniform(1.0, 2.0, (n, 1)),
            rng.normal(size=(n, 2)),
            0.01 * rng.normal(size=(n, 2)),
        ],
        axis=1,
    )
    ahead = np.concatenate([rng.uniform(-1.0, 1.0, (n, 2)), rng.uniform(3.0, 5.0, (n, 1))], axis=1)
    points = Rotation.from_rotvec(cameras[:, :3]).inv().apply(ahead) + cameras[:, 3:6]
    return cameras, points, rng.uniform(0.5, 1.5, n), rng.normal(size=(n, 2))


PROBLEMS = (
    Problem(
        "bundle adjustment, 31,843 blocks",
        reprojection,
        observations,
        reprojection_by_hand,
        (0, 1, 2),
        0.6,
        blocks=True,
        peers=("jax",),
    ),
)
