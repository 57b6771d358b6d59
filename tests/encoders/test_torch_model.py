"""Batches, precision and locks of models that run on torch."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import InputError
from isthmus.encoders.torch_model import (
    Running,
    TorchModel,
    batches,
    check_running,
    transformer_memory,
)


@given(
    st.lists(st.integers(1, 40), max_size=50),
    st.integers(1, 9),
    st.integers(0, 200),
    st.integers(1, 3),
)
def test_batches_hold_every_row_once_and_fit(
    lengths: list[int], most: int, room: int, kinds: int
) -> None:
    keys = [length % kinds for length in lengths]
    found = batches(lengths, keys, most=most, room=room, memory=lambda length: length)
    rows = [row for batch in found for row in batch.tolist()]
    assert sorted(rows) == list(range(len(lengths)))
    for batch in found:
        held = [lengths[row] for row in batch]
        assert len({keys[row] for row in batch}) == 1
        assert held == sorted(held, reverse=True)
        assert len(held) <= most
        assert not room or len(held) == 1 or len(held) * max(held) <= room


def test_the_memory_of_a_transformer_grows_with_the_square_of_the_length() -> None:
    bytes_of = transformer_memory(width=768, heads=12)
    assert bytes_of(1) == 4 * (16 * 768 + 12)
    assert bytes_of(512) == 4 * 512 * (16 * 768 + 12 * 512)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, "device must be one of auto, cpu, cuda, mps, got 'gpu'"),
        ({"dtype": "float64"}, "dtype must be one of float32, float16, bfloat16, auto"),
        ({"threads": 999}, "threads must be 1 to 256, got 999"),
        ({"batch_size": -2}, "batch_size must be 1 or more, or 0 for as many as fit; got -2"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_running("x", **options)


def test_half_precision_alone_is_an_option_to_remember() -> None:
    assert check_running("x", dtype="auto", device="cpu") == Running(device="cpu")
    assert Running(threads=3, batch_size=8).options() == {}
    assert Running(dtype="float16").options() == {"dtype": "float16"}


class TestTorchModel:
    torch = pytest.importorskip("torch", reason="it runs on torch")

    def model(self, read: Any = None, **options: Any) -> TorchModel:
        made = self.torch.nn.Linear(1, 2, bias=False)
        made.weight.data[:] = self.torch.tensor([[2.0], [3.0]])
        running = check_running("x", **{"device": "cpu", **options})
        return TorchModel("x", read or (lambda: made), running)

    def test_items_come_back_in_their_order(self) -> None:
        model, seen = self.model(batch_size=2), []

        def forward(module: Any, batch: list[int]) -> Any:
            seen.append(batch)
            values = np.array(batch, dtype=np.float32)[:, None]
            return module(model.on_device({"x": values})["x"])

        found = model.vectors([1, 4, 2, 3, 5], forward, dim=2, length=lambda item: item)
        assert seen == [[5, 4], [3, 2], [1]]
        np.testing.assert_array_equal(found, [[2, 3], [8, 12], [4, 6], [6, 9], [10, 15]])
        assert found.dtype == np.float32
        assert model.vectors([], forward, dim=2).shape == (0, 2)

    def test_a_batch_that_memory_runs_out_for_is_halved(self) -> None:
        model, sizes = self.model(batch_size=4), []

        def forward(module: Any, batch: list[float]) -> Any:
            sizes.append(len(batch))
            if len(batch) > 1:
                raise self.torch.OutOfMemoryError("no room")
            return module(self.torch.tensor([[float(batch[0])]]))

        found = model.vectors([1, 2, 3], forward, dim=2)
        assert sizes == [3, 1, 2, 1, 1]
        np.testing.assert_array_equal(found[:, 0], [2, 4, 6])

        def never(module: Any, batch: list[float]) -> Any:
            raise self.torch.OutOfMemoryError("no room")

        with pytest.raises(InputError, match="cpu has not enough memory for one item"):
            model.vectors([1], never, dim=2)

    def test_weights_are_read_once_and_without_gradients(self) -> None:
        reads = []

        def read() -> Any:
            reads.append(threading.get_ident())
            return self.torch.nn.Dropout(0.5)

        model = self.model(read)
        assert reads == []
        threads = [threading.Thread(target=model.module) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(reads) == 1
        assert not model.module().training

    def test_the_count_of_threads_is_set_back(self) -> None:
        before = self.torch.get_num_threads()
        model, seen = self.model(threads=before + 1), []

        def forward(module: Any, batch: list[float]) -> Any:
            seen.append((self.torch.get_num_threads(), self.torch.is_inference_mode_enabled()))
            return module(self.torch.tensor([[1.0]]))

        model.vectors([1], forward, dim=2)
        assert seen == [(before + 1, True)]
        assert self.torch.get_num_threads() == before

    def test_half_precision_is_that_of_the_weights(self) -> None:
        model = self.model(dtype="bfloat16")
        assert model.module().weight.dtype == self.torch.bfloat16
        moved = model.on_device({"x": np.ones(2), "n": np.ones(2, dtype=np.int64)})
        assert moved["x"].dtype == self.torch.bfloat16
        assert moved["n"].dtype == self.torch.int64
