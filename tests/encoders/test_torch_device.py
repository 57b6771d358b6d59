"""Models on a GPU, as far as a machine without one can tell: torch.cuda and errors are made up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from isthmus.core.errors import InputError
from isthmus.core.view import AUDIO, IMAGE, TEXT
from isthmus.encoders import torch_device, torch_model
from isthmus.encoders.joined import JoinedEncoder
from isthmus.encoders.torch_exact import exact
from isthmus.encoders.torch_model import Running, TorchModel, check_running

torch = pytest.importorskip("torch", reason="it runs on torch")

FULL = [
    torch.OutOfMemoryError("no room"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
]
if hasattr(torch, "AcceleratorError"):  # since torch 2.8
    FULL.append(torch.AcceleratorError("CUDA error: out of memory"))


def model(read: Any = None, **options: Any) -> TorchModel:
    made = torch.nn.Linear(1, 2, bias=False)
    running = check_running("x", **{"device": "cpu", **options})
    return TorchModel("x", read or (lambda: made), running)


@pytest.mark.parametrize("error", FULL, ids=lambda error: str(error)[:30])
def test_every_way_to_say_that_memory_ran_out_halves_the_batch(error: RuntimeError) -> None:
    sizes = []

    def forward(module: Any, batch: list[float]) -> Any:
        sizes.append(len(batch))
        if len(batch) > 1:
            raise error
        return module(torch.tensor([[batch[0]]]))

    assert model(batch_size=4).vectors([1.0, 2.0, 3.0], forward, dim=2).all()
    assert sizes == [3, 1, 2, 1, 1]


@pytest.mark.parametrize("error", FULL, ids=lambda error: str(error)[:30])
def test_a_model_that_does_not_fit_the_device_is_one_clear_error(error: RuntimeError) -> None:
    class Large:
        def to(self, **_: Any) -> Any:
            raise error

    with pytest.raises(InputError, match="not enough memory on cpu to load the model") as caught:
        model(Large, device="cpu").module()
    for way in (r"?device=cpu", "?dtype=float16", "close other programs"):
        assert way in str(caught.value)


def test_other_errors_are_told_as_they_are() -> None:
    def forward(module: Any, batch: list[float]) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        model().vectors([1.0, 2.0], forward, dim=2)


def told() -> dict[str, Any]:
    """All that torch tells of its precision; None where it refuses to tell."""
    backends, found = torch.backends, {}
    ways = {
        "cudnn": lambda: backends.cudnn.allow_tf32,
        "cublas": lambda: backends.cuda.matmul.allow_tf32,
        "matmul": torch.get_float32_matmul_precision,
        "flags": lambda: [getattr(backends.cudnn, name) for name in FLAGS],
        "new matmul": lambda: backends.cuda.matmul.fp32_precision,
        "new conv": lambda: backends.cudnn.conv.fp32_precision,
        "new rnn": lambda: backends.cudnn.rnn.fp32_precision,
        "cpu conv": lambda: backends.mkldnn.conv.fp32_precision,
        "cpu matmul": lambda: backends.mkldnn.matmul.fp32_precision,
    }
    for name, way in ways.items():
        try:
            found[name] = way()
        except (AttributeError, RuntimeError):
            found[name] = None
    return found


FLAGS = ("enabled", "benchmark", "deterministic")
NEW = hasattr(torch.backends.cudnn, "conv")
PLACES = ("cudnn.conv", "cudnn.rnn", "cuda.matmul", "mkldnn.conv", "mkldnn.matmul", "cudnn")
CALLERS = [
    "pass",
    "torch.backends.cudnn.allow_tf32 = False",
    "torch.backends.cudnn.benchmark = True",
    "torch.set_float32_matmul_precision('high')",
    "torch.set_float32_matmul_precision('medium')",
    "torch.backends.cuda.matmul.allow_tf32 = True",
]
if NEW:
    CALLERS += [
        "torch.backends.cudnn.conv.fp32_precision = 'ieee'",
        "torch.backends.cuda.matmul.fp32_precision = 'tf32'",
        "torch.backends.cudnn.fp32_precision = 'tf32'",
        "torch.backends.fp32_precision = 'ieee'",
        "torch.backends.fp32_precision = 'tf32'",
        "torch.backends.cudnn.allow_tf32 = False; torch.backends.fp32_precision = 'tf32'",
        "torch.set_float32_matmul_precision('high'); "
        "torch.backends.cuda.matmul.fp32_precision = 'ieee'",
        "torch.set_float32_matmul_precision('high'); "
        "torch.backends.mkldnn.matmul.fp32_precision = 'ieee'",
    ]


@pytest.fixture
def precision() -> Iterator[None]:
    """torch as it was, behind a test that changes what belongs to the process."""
    yield
    for name in ("fp32_precision", *(f"{place}.fp32_precision" for place in PLACES)) if NEW else ():
        exec(f"torch.backends.{name} = 'none'", {"torch": torch})
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = False


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("caller", CALLERS)
def test_float32_is_exact_inside_and_as_the_caller_had_it_behind(caller: str) -> None:
    exec(caller, {"torch": torch})
    before, inside = told(), {}

    def forward(module: Any, batch: list[float]) -> Any:
        inside.update(told())
        return module(torch.tensor([[1.0]]))

    model().vectors([1.0], forward, dim=2)
    assert inside["flags"] == [True, False, True]
    assert [inside[name] for name in ("cudnn", "cublas", "matmul")] == [False, False, "highest"]
    if NEW:
        assert {value for name, value in inside.items() if name[:3] in ("new", "cpu")} == {"ieee"}
    assert told() == before


@pytest.mark.usefixtures("precision")
@pytest.mark.skipif(not NEW, reason="torch since 2.9")
def test_what_followed_a_wider_setting_follows_it_again() -> None:
    torch.backends.fp32_precision = "tf32"
    with exact(torch):
        pass
    torch.backends.fp32_precision = "ieee"
    assert torch.backends.cuda.matmul.fp32_precision == "ieee"


def test_of_models_that_overlap_the_last_one_puts_back() -> None:
    before = told()
    first, second = exact(torch), exact(torch)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert told()["flags"] == [True, False, True] and told()["cudnn"] is False
    second.__exit__(None, None, None)
    assert told() == before

    def run() -> None:
        for _ in range(50):
            with exact(torch):
                assert told()["cudnn"] is False

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told() == before


def test_a_torch_before_2_9_has_only_the_old_settings() -> None:
    cudnn = SimpleNamespace(
        enabled=True, benchmark=True, deterministic=False, allow_tf32=True, rnn=SimpleNamespace()
    )
    known = {"matmul": "high"}
    old: Any = SimpleNamespace(
        backends=SimpleNamespace(
            cudnn=cudnn,
            mkldnn=SimpleNamespace(),
            cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=False)),
        ),
        get_float32_matmul_precision=lambda: known["matmul"],
        set_float32_matmul_precision=lambda value: known.update(matmul=value),
    )
    with exact(old):
        assert (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == (False, True, False)
        assert known == {"matmul": "highest"}
    assert (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == (True, False, True)
    assert known == {"matmul": "high"}


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two CUDA devices, by their names only."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    return monkeypatch


def test_more_items_at_a_time_on_a_gpu(cuda: pytest.MonkeyPatch) -> None:
    def never() -> Any:
        raise AssertionError("the model was loaded")

    for device in ("auto", "cuda", "cuda:1"):
        made = [model(never, device=device).at_a_time(each, 16) for each in (TEXT, IMAGE, AUDIO)]
        assert made == [512, 128, 64]
        assert model(never, device=device, batch_size=7).at_a_time(TEXT, 16) == 7
    assert model(never, device="cpu").at_a_time(TEXT, 16) == 16
    cuda.setattr(torch.cuda, "is_available", lambda: False)
    assert model(never, device="auto").at_a_time(TEXT, 16) == 16
    cuda.setattr(torch_model, "find_spec", lambda name: None)  # only onnxruntime is installed
    assert model(never, device="auto").at_a_time(TEXT, 16) == 16


@pytest.mark.usefixtures("cuda")
def test_a_batch_size_counts_for_models_of_transformers(bert: Path, clip: Path) -> None:
    from isthmus.encoders import hf

    assert hf.load(str(bert), device="cpu").batch_size == 256
    assert hf.load(str(bert)).batch_size == 512
    assert hf.load(str(bert), batch_size=300).batch_size == 300
    assert hf.load(str(bert), runtime="onnx").batch_size == 256  # which runs on the CPU
    pictures = [hf.load(str(clip), modality=IMAGE, batch_size=size) for size in (0, 100)]
    assert [each.batch_size for each in pictures] == [128, 100]
    assert JoinedEncoder(pictures).batch_size == 100


def test_the_mean_of_many_large_tokens_stays_finite_in_half_precision() -> None:
    pooling = pytest.importorskip("isthmus.encoders.hf.pooling")
    hidden = torch.full((1, 1500, 2), 60.0, dtype=torch.float16)
    found = pooling._pool(hidden, "mean", SimpleNamespace(prefix=0), None)
    assert found.dtype == torch.float16
    np.testing.assert_array_equal(found.numpy(), [[60, 60]])


@pytest.mark.parametrize(("native", "dtype"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_half_where_the_device_itself_computes_in_it(
    cuda: pytest.MonkeyPatch, native: bool, dtype: str
) -> None:
    asked: list[str] = []

    def device(name: str) -> Any:
        asked.append(name)
        return nullcontext()

    cuda.setattr(torch.cuda, "device", device)
    cuda.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: including_emulation or native,
    )
    assert check_running("x", device="cuda:1", dtype="auto") == Running("cuda:1", dtype)
    assert asked == ["cuda:1"]


def test_what_torch_keeps_for_later_is_free_and_nothing_is_not_endless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {"free": 0, "reserved": 10 * 2**30, "allocated": 2 * 2**30}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (known["free"], 80 * 2**30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: known["reserved"])
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: known["allocated"])
    assert torch_model._room("cuda") == 2 * 2**30
    known["allocated"] = known["reserved"]
    assert torch_model._room("cuda:1") == torch_model._LEAST_BYTES


@pytest.mark.parametrize("device", ["auto:1", "cpu:0", "mps:0", "cuda:", "cuda:-1", "cuda:01"])
def test_only_a_cuda_device_has_a_number(device: str) -> None:
    match = f"one of auto, cpu, cuda, mps, got '{device}'; only cuda takes a number: cuda:0, cuda:1"
    with pytest.raises(InputError, match=match):
        check_running("x", device=device)


@pytest.mark.usefixtures("cuda")
def test_a_number_beyond_the_devices_is_refused_with_their_count() -> None:
    assert torch_device.present("x", "cuda:1", "hf") == "cuda:1"
    with pytest.raises(InputError, match="no device 'cuda:2'; torch finds 2 of that kind"):
        torch_device.present("x", "cuda:2", "hf")


def test_what_is_exported_is_another_module_where_the_model_is_on_a_gpu() -> None:
    here = model(device="cpu")
    assert here.on_cpu() is here.module()
    away = model(lambda: torch.nn.Linear(1, 2))
    away._device = "meta"  # a device that every torch has
    assert away.on_cpu().weight.device.type == "cpu" and not away.on_cpu().training
    assert away.module().weight.device.type == "meta"
