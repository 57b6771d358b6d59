"""Graphs of attention compute what their vectors need, and the vectors stay what they were."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch captures the programs")

from isthmus.encoders.hf.slimming import slimmed  # noqa: E402

TOKENS, WIDTH, HEADS = 7, 12, 3


class Layers(torch.nn.Module):
    """Two layers of attention in the shape that transformers gives them, then a pooled vector."""

    def __init__(self, pool: str, mask: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pool, self.mask = pool, mask
        self.layers = torch.nn.ModuleList(self._layer() for _ in range(2))

    @staticmethod
    def _layer() -> Any:
        names = ("q", "k", "v", "o")
        made = {name: torch.nn.Linear(WIDTH, WIDTH) for name in names}
        made |= {"up": torch.nn.Linear(WIDTH, 2 * WIDTH), "down": torch.nn.Linear(2 * WIDTH, WIDTH)}
        return torch.nn.ModuleDict({**made, "norm": torch.nn.LayerNorm(WIDTH)})

    def forward(self, x: Any) -> Any:
        items, tokens, _ = x.shape
        at = torch.arange(tokens)
        mask = {
            "none": None,
            "open": (at >= 0)[None, None, None].expand(items, 1, tokens, tokens),
            "causal": (at[None] <= at[:, None])[None, None].expand(items, 1, tokens, tokens),
            "given": (x[..., 0] > -9)[:, None, None].expand(items, 1, tokens, tokens),
        }[self.mask]
        for each in self.layers:
            y = each["norm"](x)
            q, k, v = (
                each[n](y).view(items, tokens, HEADS, -1).transpose(1, 2) for n in ("q", "k", "v")
            )
            y = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            x = x + each["o"](y.transpose(1, 2).reshape(items, tokens, -1))
            x = x + each["down"](torch.nn.functional.gelu(each["up"](each["norm"](x))))
        return {"first": x[:, 0], "third": x[:, 2], "both": x[:, 0] + x.mean(1)}[self.pool]


def captured(pool: str, mask: str) -> tuple[Any, Any]:
    """The layers, and what is left of the program that torch captures of them."""
    layers = Layers(pool, mask).eval()
    dynamic = ({0: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(
        layers, (torch.zeros(2, TOKENS, WIDTH),), dynamic_shapes=dynamic, strict=False
    )
    return layers, slimmed(torch, program)


def rows_and_masks(program: Any, given: Any) -> tuple[list[int], list[bool]]:
    """Rows an item of each linear step, and whether each attention has a mask."""
    rows: list[int] = []
    masked: list[bool] = []

    class Watch(torch.fx.Interpreter):  # type: ignore[misc]
        def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
            made = super().call_function(target, args, kwargs)
            if "linear" in str(target):
                rows.append(made.shape[1])
            if "scaled_dot_product" in str(target):
                masked.append(len(args) > 3 and args[3] is not None)
            return made

    Watch(program.module()).run(given)
    return rows, masked


@pytest.mark.parametrize("mask", ["none", "open", "causal", "given"])
@pytest.mark.parametrize(
    ("pool", "last"),
    [
        ("first", [1, TOKENS, TOKENS, 1, 1, 1]),
        ("third", [1, TOKENS, TOKENS, 1, 1, 1]),
        ("both", [TOKENS] * 6),
    ],
)
def test_the_last_layer_makes_the_token_that_is_pooled(
    pool: str, last: list[int], mask: str
) -> None:
    layers, program = captured(pool, mask)
    given = torch.randn(32, TOKENS, WIDTH, generator=torch.Generator().manual_seed(1))
    given[:, 5, 0] -= 99 * (torch.arange(32) % 2)  # hidden from every other item, where it is asked
    rows, masked = rows_and_masks(program, given)
    assert rows == [TOKENS] * 6 + last
    assert masked == [mask in ("causal", "given")] * 2
    with torch.inference_mode():
        expected = layers(given)
        for items in (given, given[:1]):
            found = program.module()(items)
            torch.testing.assert_close(found, expected[: len(items)], atol=1e-6, rtol=0)
