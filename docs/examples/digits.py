"""Trains a network on handwritten digits, with nothing but ``functrans.value_and_grad`` and NumPy.

Two layers, Adam on small batches, the 1,797 images of 8 x 8 pixels that come with scikit-learn; a fifth is held out.

    python docs/examples/digits.py --epochs 30 --seed 0
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from sklearn.datasets import load_digits

import functrans as ft

HIDDEN, BATCH, RATE, DECAY = 64, 32, 3e-3, 1e-4


def predict(params, x):
    return np.tanh(x @ params["hidden"]["w"] + params["hidden"]["b"]) @ params["out"]["w"] + params["out"]["b"]


def loss(params, x, y):
    """Cross-entropy of the right digits, and a little weight decay."""
    scores = predict(params, x)
    top = np.max(scores, axis=1)
    norm = top + np.log(np.sum(np.exp(scores - top[:, None]), axis=1))
    weights = np.sum(params["hidden"]["w"] ** 2) + np.sum(params["out"]["w"] ** 2)
    return np.mean(norm - scores[np.arange(len(y)), y]) + DECAY * weights


def accuracy(params, x, y) -> float:
    return float(np.mean(np.argmax(predict(params, x), axis=1) == y))


def layer(rng: np.random.Generator, inputs: int, outputs: int):
    return {"w": rng.normal(0.0, inputs**-0.5, (inputs, outputs)), "b": np.zeros(outputs)}


def batches(rng: np.random.Generator, count: int) -> Iterator[np.ndarray]:
    order = rng.permutation(count)
    return (order[start : start + BATCH] for start in range(0, count, BATCH))


def adam(params, gradient, state, step: int):
    """One step of Adam (Kingma and Ba, 2015): new parameters and a new state, each a tree like ``params``."""
    mean = ft.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state[0], gradient)
    square = ft.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, state[1], gradient)
    rate = RATE * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
    new = ft.tree.map(lambda p, m, s: p - rate * m / (np.sqrt(s) + 1e-8), params, mean, square)
    return new, (mean, square)


def progress(epochs: Iterable[int], shown: bool) -> Iterable[int]:
    """The epochs, with a bar that counts them."""
    if not shown:
        return epochs
    from tqdm.auto import tqdm

    return tqdm(epochs, unit="epoch")


def main(argv: Sequence[str] | None = None) -> float:
    """Train, tell how it goes, and return the accuracy on the images held out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=30, help="passes over the training images (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the batches (default: 0)")
    parser.add_argument("--progress", action="store_true", help="show a progress bar of the epochs (needs tqdm)")
    options = parser.parse_args(argv)

    rng = np.random.default_rng(options.seed)
    images, digits = load_digits(return_X_y=True)
    images = images / 16.0
    shuffled = rng.permutation(len(digits))
    held_out, training = shuffled[: len(digits) // 5], shuffled[len(digits) // 5 :]
    x, y, test_x, test_y = images[training], digits[training], images[held_out], digits[held_out]
    print(f"training on {len(y)} images, {len(test_y)} are held out")

    params = {"hidden": layer(rng, x.shape[1], HIDDEN), "out": layer(rng, HIDDEN, 10)}
    zeros = ft.tree.map(np.zeros_like, params)
    state = (zeros, zeros)
    value_and_gradient = ft.value_and_grad(loss)
    start, step = time.perf_counter(), 0
    for epoch in progress(range(1, options.epochs + 1), options.progress):
        total = 0.0
        for batch in batches(rng, len(y)):
            step += 1
            value, gradient = value_and_gradient(params, x[batch], y[batch])
            params, state = adam(params, gradient, state, step)
            total += value * len(batch)
        if epoch == 1 or epoch % 5 == 0 or epoch == options.epochs:
            seen, elapsed = accuracy(params, test_x, test_y), time.perf_counter() - start
            print(f"epoch {epoch:3d}   loss {total / len(y):.4f}   held-out accuracy {seen:.1%}   {elapsed:5.1f} s")
    final = accuracy(params, test_x, test_y)
    print(f"accuracy on {len(test_y)} held-out images: {final:.2%}")
    return final


if __name__ == "__main__":
    main()
