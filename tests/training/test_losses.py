import math
import subprocess
import sys

import pytest

from isthmus.core.errors import InputError
from isthmus.training.losses import Loss, cosine, euclidean, info_nce, kl, parse_loss, siglip

torch = pytest.importorskip("torch")


def rows(*values: list[float]):
    return torch.tensor(values, dtype=torch.float64)


X = rows([1, 0], [0, 1])
SWAPPED = rows([0, 1], [1, 0])


def test_euclidean_by_hand() -> None:
    # (1² + 1² + 1²) = 3, and 0: mean 1.5
    x, y = rows([1, 2, 3], [4, 4, 4]), rows([2, 1, 4], [4, 4, 4])
    assert float(euclidean(x[:1], y[:1])) == 3
    assert float(euclidean(x, y)) == 1.5
    assert float(euclidean(X, SWAPPED)) == 2


def test_cosine_by_hand() -> None:
    x, y = rows([3, 4], [1, 0], [0, 2]), rows([4, 3], [0, 7], [0, -5])
    assert float(cosine(x, y)) == pytest.approx(((1 - 24 / 25) + 1 + 2) / 3)
    assert float(cosine(10 * x, y)) == pytest.approx(float(cosine(x, y)))


def test_kl_by_hand() -> None:
    # exp(1/τ) = 3 makes P = (¾, ¼) of orthogonal rows and Q = (½, ½) of equal ones.
    tau = 1 / math.log(3)
    y = rows([1, 0], [1, 0])
    forward = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    backward = 0.5 * math.log(2 / 3) + 0.5 * math.log(2)
    assert float(kl(X, y, temperature=tau)) == pytest.approx((forward + backward) / 2)
    assert float(kl(y, X, temperature=tau)) == pytest.approx((forward + backward) / 2)


def test_kl_has_full_support() -> None:
    # Nearly one-hot against nearly uniform: large, where that of one-hot rows is infinite.
    found = float(kl(X, rows([1, 0], [1, 0]), temperature=1e-3))
    assert found == pytest.approx(1000 / 4, rel=0.01)
    assert math.isfinite(found)


def test_kl_does_not_see_rotations_and_vanishes_for_equal_neighbourhoods() -> None:
    x = torch.nn.functional.normalize(
        torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), dim=1
    )
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    assert float(kl(x, x @ turn, temperature=0.1)) == pytest.approx(0, abs=1e-5)


def test_info_nce_by_hand() -> None:
    # Scores (s, 0; 0, s): log(1 + e^-s) both ways; swapped log(1 + e^s).
    assert float(info_nce(X, X, 2.0)) == pytest.approx(math.log1p(math.exp(-2)))
    assert float(info_nce(X, SWAPPED, 2.0)) == pytest.approx(math.log1p(math.exp(2)))
    same = rows(*[[1, 0]] * 5)
    assert float(info_nce(same, same, 30.0)) == pytest.approx(math.log(5))


def test_info_nce_is_the_mean_of_both_directions() -> None:
    x, y = rows([1, 0], [0, 1]), rows([1, 0], [1, 0])
    # Rows: (1,1),(0,0) give log 2 each; columns: (1,0) twice, partner 1 once and 0 once.
    e = math.e
    forward = math.log(2)
    backward = (-math.log(e / (e + 1)) - math.log(1 / (e + 1))) / 2
    assert float(info_nce(x, y, 1.0)) == pytest.approx((forward + backward) / 2)
    assert float(info_nce(y, x, 1.0)) == pytest.approx((forward + backward) / 2)


def test_siglip_by_hand() -> None:
    # Partners score s + b = 1, others b = −1: two partners and two others, over n = 2.
    expected = 2 * math.log1p(math.exp(-1))
    assert float(siglip(X, X, 2.0, -1.0)) == pytest.approx(expected)
    # Swapped: partners −1, others 1.
    assert float(siglip(X, SWAPPED, 2.0, -1.0)) == pytest.approx(2 * math.log1p(math.e))


@pytest.mark.parametrize("text", ["cosine", "euclidean", "kl", "info_nce", "siglip"])
def test_gradients_are_those_of_finite_differences(text: str) -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    y = torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    loss = parse_loss(text)
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, scale=2.0, bias=-1.0), (x, y))


def test_a_sum_of_losses() -> None:
    loss = parse_loss(" info_nce+ 0.5 * kl +2*siglip")
    assert loss == Loss(((1.0, "info_nce"), (0.5, "kl"), (2.0, "siglip")))
    assert str(loss) == "info_nce + 0.5*kl + 2*siglip"
    assert parse_loss(str(loss)) == loss
    assert loss.names == {"info_nce", "kl", "siglip"}
    y = rows([0.6, 0.8], [0.8, -0.6])
    expected = info_nce(X, y, 3.0) + 0.5 * kl(X, y, temperature=1 / 3) + 2 * siglip(X, y, 3.0, -1.0)
    assert float(loss(X, y, scale=3.0, bias=-1.0)) == pytest.approx(float(expected))


def test_kl_does_not_pull_on_the_learned_scale() -> None:
    scale = torch.tensor(3.0, requires_grad=True, dtype=torch.float64)
    y = rows([1, 0], [1, 0])
    parse_loss("kl + info_nce")(X, y, scale=scale).backward()
    mixed, scale.grad = float(scale.grad), None
    info_nce(X, y, scale).backward()
    assert mixed == pytest.approx(float(scale.grad))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("infonce", r"unknown loss 'infonce'.*Did you mean 'info_nce'\? Known: cosine, "),
        ("", "unknown loss ''"),
        ("kl +", "unknown loss ''"),
        ("-1*kl", "weight of kl .* must be positive, got '-1'"),
        ("0*kl", "must be positive, got '0'"),
        ("nan*kl", "must be positive, got 'nan'"),
        ("a*kl", "must be positive, got 'a'"),
        (3, "named by text .* got 3"),
    ],
)
def test_what_is_no_loss(text: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_loss(text)


def test_naming_losses_does_not_import_torch() -> None:
    code = (
        "import sys; import isthmus.aligners; from isthmus.training.losses import parse_loss; "
        "import isthmus.training.loop; parse_loss('kl'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
