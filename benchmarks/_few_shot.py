"""Few-shot methods of others, short and straight from their papers, on vectors of a space.

Features ``f`` and text prototypes ``t`` are unit rows, ``s`` is the inverse temperature of the
space, which takes the place of CLIP's 100; hyper-parameters are those of the papers, and where a
paper chooses them on a validation set, a shot of each class is left out in turn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

Scores = Callable[[np.ndarray], np.ndarray]
Learn = Callable[[np.ndarray, np.ndarray, np.ndarray, float], Scores]


def softmax(z: np.ndarray) -> np.ndarray:
    """Rows as probabilities."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of unit length."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def tip_adapter(f: np.ndarray, y: np.ndarray, t: np.ndarray, s: float) -> Scores:
    """Zhang et al., "Tip-Adapter", ECCV 2022, with α = 1 and β = 5.5."""
    values = np.eye(len(t))[y]
    return lambda x: s * x @ t.T + np.exp(-5.5 * (1 - x @ f.T)) @ values


def tip_adapter_f(f: np.ndarray, y: np.ndarray, t: np.ndarray, s: float) -> Scores:
    """Its fine-tuned form: the keys learn by AdamW (rate .001, 20 epochs, cosine annealing)."""
    keys, values = f.copy(), np.eye(len(t))[y]
    mean, square = np.zeros_like(keys), np.zeros_like(keys)
    base, epochs = s * f @ t.T, 20
    for step in range(1, epochs + 1):
        near = np.exp(-5.5 * (1 - f @ keys.T))
        wrong = (softmax(base + near @ values) - values) / len(f)
        slope = (5.5 * near * (wrong @ values.T)).T @ f
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        rate = 0.001 * 0.5 * (1 + np.cos(np.pi * (step - 1) / epochs))
        moved = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-4)
        keys = keys * (1 - 0.01 * rate) - rate * moved
    return lambda x: s * x @ t.T + np.exp(-5.5 * (1 - x @ keys.T)) @ values


def gda(f: np.ndarray, y: np.ndarray, t: np.ndarray, s: float) -> Scores:
    """Wang et al., "A hard-to-beat baseline for training-free CLIP-based adaptation", ICLR 2024.

    Their α is the best of 10⁻⁴ … 10⁴ on validation; with one shot a class, it is 1.
    """
    folds = [_turn(y, turn) for turn in range(np.bincount(y).max())]
    grid, hits = 10.0 ** np.arange(-4, 5), np.zeros(9)
    for held in folds if np.bincount(y).min() > 1 else []:
        w, b = _gaussian(f[~held], y[~held], len(t))
        text, image = s * f[held] @ t.T, f[held] @ w + b
        hits += [((text + a * image).argmax(axis=1) == y[held]).sum() for a in grid]
    alpha = grid[hits.argmax()] if hits.any() else 1.0
    w, b = _gaussian(f, y, len(t))
    return lambda x: s * x @ t.T + alpha * (x @ w + b)


def _turn(y: np.ndarray, turn: int) -> np.ndarray:
    """A mask of one shot of each class that has so many."""
    held = np.zeros(len(y), dtype=bool)
    for k in np.unique(y):
        held[np.flatnonzero(y == k)[turn : turn + 1]] = True
    return held


def _gaussian(f: np.ndarray, y: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    mu = np.vstack([f[y == k].mean(axis=0) for k in range(classes)])
    sigma = np.cov((f - mu[y]).T)
    dim, n = f.shape[1], len(f)
    precision = dim * np.linalg.pinv((n - 1) * sigma + np.trace(sigma) * np.eye(dim))
    w = precision @ mu.T
    return w, -0.5 * np.einsum("kd,dk->k", mu, w) - np.log(classes)


def lp_plus_plus(f: np.ndarray, y: np.ndarray, t: np.ndarray, s: float) -> Scores:
    """Huang et al., "LP++", CVPR 2024: ``f·(w_k + α_k t_k)``, 300 steps of each block.

    Weights begin at the class means. ``α`` begins at the scale; their 250 times a mean cosine is
    made for CLIP's. Steps are one over the Lipschitz constants, as theirs.
    """
    hot, n = np.eye(len(t))[y], len(f)
    w = unit(hot.T @ f)
    alpha, text = np.full(len(t), s), f @ t.T
    rate_w = 4 * n / np.linalg.eigvalsh(f.T @ f).max()
    rate_a = 4 * n / (text**2).sum(axis=0).max()
    for _ in range(300):
        w = w - rate_w * ((softmax(f @ w.T + alpha * text) - hot) / n).T @ f
        wrong = (softmax(f @ w.T + alpha * text) - hot) / n
        alpha = alpha - rate_a * (wrong * text).sum(axis=0)
    return lambda x: x @ w.T + alpha * (x @ t.T)


def ss_text(f: np.ndarray, y: np.ndarray, t: np.ndarray, s: float) -> Scores:
    """SS-Text, Silva-Rodríguez et al. 2025: ``t_k + s/(λ_k N)·Σ f`` with ``λ_k = 1/n_k``."""
    hot = np.eye(len(t))[y]
    w = unit(t + s / len(f) * hot.sum(axis=0)[:, None] * (hot.T @ f))
    return lambda x: s * x @ w.T


def clap(f: np.ndarray, y: np.ndarray, t: np.ndarray, s: float) -> Scores:
    """CLAP, Silva-Rodríguez et al., CVPR 2024: ``CE + Σ λ_k‖w_k − t_k‖²`` from the words.

    ``λ_k`` is the mean probability that words give to the shots of a class. Minimised by L-BFGS
    for 300 steps, where theirs takes 300 epochs of SGD; prototypes are brought to unit length.
    """
    hot, n = np.eye(len(t))[y], len(f)
    trust = (softmax(s * f @ t.T) * hot).sum(axis=0) / np.maximum(hot.sum(axis=0), 1)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        raw = flat.reshape(t.shape)
        length = np.linalg.norm(raw, axis=1, keepdims=True)
        w = raw / length
        p = softmax(s * f @ w.T)
        value = -np.log(np.maximum(p[np.arange(n), y], 1e-300)).mean()
        value += float(trust @ ((raw - t) ** 2).sum(axis=1))
        slope = s * ((p - hot) / n).T @ f
        slope = (slope - (slope * w).sum(axis=1, keepdims=True) * w) / length
        return value, (slope + 2 * trust[:, None] * (raw - t)).ravel()

    found = minimize(loss, t.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    w = unit(found.x.reshape(t.shape))
    return lambda x: s * x @ w.T


PAPERS: dict[str, Learn] = {
    "GDA": gda,
    "Tip-Adapter": tip_adapter,
    "Tip-Adapter-F": tip_adapter_f,
    "LP++": lp_plus_plus,
    "SS-Text": ss_text,
    "CLAP": clap,
}
"""By the name under which rows say ``paper: NAME``."""
