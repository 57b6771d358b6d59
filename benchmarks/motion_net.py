"""A small 3-D CNN for motion, trained on synthetic films, beside hand-made statistics of flow.

Run ``python benchmarks/motion_net.py --json FILE``. Textured blobs, one to three, move over a
textured ground that shakes in half of the films. The network learns seven kinds of motion and the
coarse flow behind them. It is judged on fourteen kinds that it has never seen: a linear classifier
learns them on half of the films, over its features, over those of the encoder ``motion``, and over
both, and over an untrained network. It would be shipped if it were better than ``motion`` there.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import _machine
from _needs import need
from isthmus.core.item import Clip
from isthmus.core.linalg import F32, l2_normalize
from isthmus.encoders.motion import MotionEncoder

FRAMES, SIDE = 16, 32
BATCHES, BATCH, EPOCHS = 25, 48, 8
RATE = 3e-3
MOST_BLOBS = 3
TESTED = 40
"""Films of each kind."""
SEEDS = 5
RIDGES = 10.0 ** np.arange(-6, 4)

Path_ = Callable[[Any, Any], tuple[Any, Any, Any, Any]]
"""Time −½…½ and amplitude to the way to the right and down, the logarithm of size, and the turn."""


def _paths() -> tuple[dict[str, Path_], dict[str, Path_]]:
    """Kinds of motion to learn, and kinds to be tested on."""
    import torch

    zero = torch.zeros_like
    tau = 2 * math.pi
    learned: dict[str, Path_] = {
        "left": lambda t, a: (-a * t, zero(t), zero(t), zero(t)),
        "right": lambda t, a: (a * t, zero(t), zero(t), zero(t)),
        "up": lambda t, a: (zero(t), -a * t, zero(t), zero(t)),
        "down": lambda t, a: (zero(t), a * t, zero(t), zero(t)),
        "grow": lambda t, a: (zero(t), zero(t), a * t, zero(t)),
        "spin": lambda t, a: (zero(t), zero(t), zero(t), 3 * a * t),
        "still": lambda t, a: (zero(t), zero(t), zero(t), zero(t)),
    }
    unseen: dict[str, Path_] = {
        "shrink": lambda t, a: (zero(t), zero(t), -a * t, zero(t)),
        "spin back": lambda t, a: (zero(t), zero(t), zero(t), -3 * a * t),
        "right and up": lambda t, a: (a * t, -a * t, zero(t), zero(t)),
        "right and down": lambda t, a: (a * t, a * t, zero(t), zero(t)),
        "left and up": lambda t, a: (-a * t, -a * t, zero(t), zero(t)),
        "left and down": lambda t, a: (-a * t, a * t, zero(t), zero(t)),
        "orbit": lambda t, a: (
            a / 3 * torch.cos(tau * t),
            a / 3 * torch.sin(tau * t),
            zero(t),
            zero(t),
        ),
        "orbit back": lambda t, a: (
            a / 3 * torch.cos(tau * t),
            -a / 3 * torch.sin(tau * t),
            zero(t),
            zero(t),
        ),
        "right, then left": lambda t, a: (-2 * a * t.abs(), zero(t), zero(t), zero(t)),
        "left, then right": lambda t, a: (2 * a * t.abs(), zero(t), zero(t), zero(t)),
        "down, then up": lambda t, a: (zero(t), -2 * a * t.abs(), zero(t), zero(t)),
        "up, then down": lambda t, a: (zero(t), 2 * a * t.abs(), zero(t), zero(t)),
        "grow, then shrink": lambda t, a: (zero(t), zero(t), -2 * a * t.abs(), zero(t)),
        "shrink, then grow": lambda t, a: (zero(t), zero(t), 2 * a * t.abs(), zero(t)),
    }
    return learned, unseen


def films(kinds: list[Path_], labels: Any, seed: int) -> tuple[Any, Any]:
    """Films ``(n, FRAMES, SIDE, SIDE)`` in 0…1 and their flow ``(n, 2, FRAMES − 1, SIDE, SIDE)``.

    The flow is the step of the nearest blob at each place, in half sides, and 0 on the ground.
    """
    import torch
    from torch.nn.functional import grid_sample

    random = torch.Generator().manual_seed(seed)
    n = len(labels)
    axis = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    place = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    shake = torch.randn(n, FRAMES, 2, generator=random).cumsum(1) * 0.02
    shake *= (torch.rand(n, 1, 1, generator=random) < 0.5).float()
    around = place[None, None] * 0.6 + shake[:, :, None, None]
    ground = _textures(n, random)
    shown = grid_sample(ground, around.reshape(n, -1, SIDE, 2), align_corners=False)
    shown = shown.reshape(n, FRAMES, SIDE, SIDE)
    flow = torch.zeros(n, 2, FRAMES - 1, SIDE, SIDE)
    time = torch.linspace(-0.5, 0.5, FRAMES).expand(n, FRAMES)
    for blob in range(MOST_BLOBS):
        there = torch.rand(n, generator=random) < (1.0 if blob == 0 else 0.4)
        amplitude = 0.6 + 0.7 * torch.rand(n, 1, generator=random)
        moves = [torch.zeros(n, FRAMES) for _ in range(4)]
        for label, kind in enumerate(kinds):
            rows = labels == label
            for into, found in zip(moves, kind(time[rows], amplitude[rows]), strict=True):
                into[rows] = found
        x, y, size, turn = moves
        middle = (torch.rand(n, 1, 2, generator=random) - 0.5) * (0.3 if blob == 0 else 1.2)
        centre = middle + torch.stack([x, y], dim=-1)
        radius = (0.2 + 0.15 * torch.rand(n, 1, generator=random)) * torch.exp(size)
        turn = turn + 2 * math.pi * torch.rand(n, 1, generator=random)
        inside, mask = _inside(place, centre, radius, turn, random)
        skin = grid_sample(
            _textures(n, random), inside.reshape(n, -1, SIDE, 2) * 0.5, align_corners=False
        ).reshape(n, FRAMES, SIDE, SIDE)
        mask = mask * there[:, None, None, None]
        shown = shown * (1 - mask) + skin * mask
        step = _steps(place, centre, radius, turn)
        flow = flow * (1 - mask[:, None, :-1]) + step * mask[:, None, :-1]
    noise = 0.02 * torch.randn(shown.shape, generator=random)
    return (shown + noise).clamp(0, 1), flow


def _textures(n: int, random: Any) -> Any:
    """Smooth noise ``(n, 1, 32, 32)``, brighter or darker, finer or coarser."""
    import torch
    from torch.nn.functional import interpolate

    out = torch.empty(n, 1, 32, 32)
    sizes = torch.randint(0, 3, (n,), generator=random)
    for at, size in enumerate((2, 6, 12)):
        rows = sizes == at
        noise = torch.rand(int(rows.sum()), 1, size, size, generator=random)
        if len(noise):
            out[rows] = interpolate(noise, size=32, mode="bicubic", align_corners=False)
    level = torch.rand(n, 1, 1, 1, generator=random)
    contrast = 0.2 + 0.8 * torch.rand(n, 1, 1, 1, generator=random)
    return (level + (out - 0.5) * contrast).clamp(0, 1)


def _inside(place: Any, centre: Any, radius: Any, turn: Any, random: Any) -> tuple[Any, Any]:
    """Places as the blob sees them, and how much each belongs to it; its rim has waves."""
    import torch

    away = (place[None, None] - centre[:, :, None, None]) / radius[:, :, None, None, None]
    cos, sin = (f(turn)[:, :, None, None] for f in (torch.cos, torch.sin))
    x = away[..., 0] * cos + away[..., 1] * sin
    y = -away[..., 0] * sin + away[..., 1] * cos
    waves = torch.randint(2, 6, (len(centre), 1, 1, 1), generator=random)
    depth = 0.45 * torch.rand(len(centre), 1, 1, 1, generator=random)
    rim = 1 + depth * torch.cos(waves * torch.atan2(y, x))
    sharp = radius[:, :, None, None] * SIDE
    return torch.stack([x, y], -1), torch.sigmoid((rim - torch.hypot(x, y)) * sharp)


def _steps(place: Any, centre: Any, radius: Any, turn: Any) -> Any:
    """How far each place of a rigid, growing blob moves to the next frame."""
    import torch

    away = place[None, None] - centre[:, :-1, None, None]
    growth = (radius[:, 1:] / radius[:, :-1])[:, :, None, None]
    angle = (turn[:, 1:] - turn[:, :-1])[:, :, None, None]
    x = growth * (away[..., 0] * torch.cos(angle) - away[..., 1] * torch.sin(angle))
    y = growth * (away[..., 0] * torch.sin(angle) + away[..., 1] * torch.cos(angle))
    step = torch.stack([x, y], -1) + centre[:, 1:, None, None] - place[None, None]
    return step.permute(0, 4, 1, 2, 3)


def network(classes: int) -> Any:
    """Three convolutions over time and place; its features are 2 × 2 places and 4 stretches."""
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv3d(1, 12, (5, 3, 3), stride=2, padding=(2, 1, 1)),
                nn.ReLU(),
                nn.Conv3d(12, 24, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv3d(24, 48, 3, stride=(1, 2, 2), padding=1),
                nn.ReLU(),
            )
            self.flow = nn.Conv3d(48, 2, 1)
            self.kind = nn.Linear(48 * 4, classes)

        def features(self, x: Any) -> Any:
            x = x - x.mean(dim=(1, 2, 3), keepdim=True)
            x = x / (x.std(dim=(1, 2, 3), keepdim=True) + 0.05)
            return self.body(x[:, None])

        def forward(self, x: Any) -> tuple[Any, Any]:
            found = self.features(x)
            return self.kind(found.mean(dim=(3, 4)).flatten(1)), self.flow(found)

    return Net()


def trained(epochs: int) -> Any:
    """The network after it has seen 1,200 films so many times."""
    import torch
    from torch.nn.functional import adaptive_avg_pool3d, cross_entropy, mse_loss

    kinds = list(_paths()[0].values())
    net = network(len(kinds))
    labels = torch.arange(BATCH) % len(kinds)
    seen = [films(kinds, labels, seed=each) for each in range(BATCHES)]
    steps = BATCHES * epochs
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for step in range(steps):
        shown, flow = seen[step % BATCHES]
        told, moved = net(shown)
        coarse = adaptive_avg_pool3d(flow, moved.shape[2:]) * SIDE
        loss = cross_entropy(told, labels) + mse_loss(moved, coarse)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % BATCHES == 0 or step == steps - 1:
            right = (told.argmax(1) == labels).float().mean()
            print(f"step {step}: loss {loss:.3f}, right {right:.2f}", flush=True)
    return net


def by_network(net: Any, shown: Any) -> F32:
    """Features ``(n, 768)``."""
    import torch
    from torch.nn.functional import adaptive_avg_pool3d

    with torch.no_grad():
        found = adaptive_avg_pool3d(net.features(shown), (4, 2, 2)).flatten(1)
    return np.asarray(l2_normalize(found.numpy()), dtype=np.float32)


def by_statistics(shown: Any) -> F32:
    """Vectors of the encoder ``motion``, of the same films."""
    encoder = MotionEncoder()
    pixels = (shown.numpy() * 255).astype(np.uint8)[..., None].repeat(3, axis=-1)
    times = np.arange(FRAMES) / 8
    prepared = [encoder.prepare(Clip(film, times, FRAMES / 8)) for film in pixels]
    return np.asarray(l2_normalize(encoder.encode(prepared)), dtype=np.float32)


def accuracy(x: F32, labels: Any) -> dict[str, float]:
    """Of a linear classifier that learned on half, over seeds."""
    from sklearn.linear_model import RidgeClassifierCV

    found = []
    for seed in range(SEEDS):
        order = np.random.default_rng(seed).permutation(len(x))
        train, test = np.array_split(order, 2)
        model = RidgeClassifierCV(RIDGES).fit(x[train], labels[train])
        found.append(float((model.predict(x[test]) == labels[test]).mean()))
    return {"mean": round(float(np.mean(found)), 3), "sd": round(float(np.std(found, ddof=1)), 3)}


def main() -> None:
    """Train, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--weights", type=Path, help="where to write the trained weights")
    arguments = parser.parse_args()
    need(packages=("torch", "sklearn"))
    import torch

    net = trained(arguments.epochs)
    if arguments.weights:
        from safetensors.torch import save_file

        save_file(net.state_dict(), str(arguments.weights))
    learned, unseen = _paths()
    found: dict[str, Any] = {"parameters": sum(p.numel() for p in net.parameters())}
    for name, paths in (("kinds it learned", learned), ("kinds never seen", unseen)):
        labels = torch.arange(TESTED * len(paths)) % len(paths)
        shown, _ = films(list(paths.values()), labels, seed=10**6)
        hand, cnn = by_statistics(shown), by_network(net, shown)
        chosen = {
            "motion": hand,
            "network": cnn,
            "network, untrained": by_network(network(len(learned)), shown),
            "both": np.concatenate([hand, cnn], axis=1),
        }
        found[name] = {key: accuracy(x, labels.numpy()) for key, x in chosen.items()}
        found[name]["chance"] = round(1 / len(paths), 3)
        print(name, found[name], flush=True)
    if arguments.json:
        _machine.write(arguments.json, {**found, "epochs": arguments.epochs})


if __name__ == "__main__":
    main()
