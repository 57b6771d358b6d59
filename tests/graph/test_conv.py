import numpy as np
import pytest
from scipy import sparse

from isthmus.graph.build import degrees, normalised
from isthmus.graph.conv import Network, convolved
from isthmus.graph.sampler import Sampler

torch = pytest.importorskip("torch")


def some_graph(n: int, seed: int = 0) -> sparse.csr_matrix:
    dense = np.random.default_rng(seed).random((n, n)).astype(np.float32)
    dense = np.where(dense > 0.7, dense, 0)
    return sparse.csr_matrix(np.maximum(dense, dense.T) * (1 - np.eye(n, dtype=np.float32)))


def edges(matrix: sparse.csr_matrix) -> tuple[torch.Tensor, torch.Tensor]:
    coo = matrix.tocoo()  # row i holds what reaches i
    return torch.from_numpy(np.stack([coo.col, coo.row]).astype(np.int64)), torch.from_numpy(
        coo.data
    )


def test_a_layer_by_hand() -> None:
    # One edge of weight 3 between two nodes, Â = A + I: both degrees are 4.
    ends, weight = torch.tensor([[0, 1, 0, 1], [1, 0, 0, 1]]), torch.tensor([3.0, 3.0, 1.0, 1.0])
    h, kernel, bias = torch.tensor([[1.0], [5.0]]), torch.tensor([[2.0]]), torch.tensor([0.5])
    found = convolved(h, ends, weight / 4, kernel, bias)
    # (1·1 + 3·5)/4·2 + ½ = 8½ and (1·5 + 3·1)/4·2 + ½ = 4½.
    np.testing.assert_allclose(found.numpy().ravel(), [8.5, 4.5], atol=1e-6)


def test_a_layer_is_the_dense_formula_and_that_of_torch_geometric() -> None:
    geometric = pytest.importorskip("torch_geometric.nn")
    graph = some_graph(15)
    h = np.random.default_rng(1).normal(size=(15, 4)).astype(np.float32)
    own = geometric.GCNConv(4, 3)  # adds loops and normalises by itself
    a = graph.toarray() + np.eye(15)
    d = a.sum(axis=1)
    weight, bias = own.lin.weight.detach(), torch.tensor([0.5, -1.0, 2.0])
    dense = a / np.sqrt(np.outer(d, d)) @ h @ weight.numpy().T + bias.numpy()
    looped = degrees(graph) + 1
    ready = (normalised(graph, looped) + sparse.diags(1 / looped)).astype(np.float32)
    with torch.no_grad():
        own.bias.copy_(bias)
        first = own(torch.from_numpy(h), *edges(graph)).numpy()
    second = convolved(torch.from_numpy(h), *edges(ready.tocsr()), weight, bias).numpy()
    np.testing.assert_allclose(first, dense, atol=1e-5)
    np.testing.assert_allclose(second, dense, atol=1e-5)


def test_a_layer_has_the_slopes_of_torch_geometric() -> None:
    geometric = pytest.importorskip("torch_geometric.nn")
    layer = geometric.GCNConv(4, 3, normalize=False, add_self_loops=False)
    leaves = [layer.lin.weight, layer.bias]
    h = torch.from_numpy(np.random.default_rng(1).normal(size=(15, 4)).astype(np.float32))
    ends, weight = edges(some_graph(15))
    theirs = torch.autograd.grad(layer(h, ends, weight).square().sum(), leaves)
    ours = torch.autograd.grad(convolved(h, ends, weight, *leaves).square().sum(), leaves)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def network(layers: int = 2, dropout: float = 0.0) -> Network:
    return Network(["a", "b"], 4, width=6, layers=layers, dropout=dropout, seed=0, restart=0.2)


def test_a_permutation_of_nodes_changes_nothing() -> None:
    graph, net = some_graph(20), network()
    h = torch.from_numpy(np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32))
    modality = torch.arange(20) % 2
    order = np.random.default_rng(2).permutation(20)
    shuffled = graph[order][:, order]
    with torch.no_grad():
        found = net.hidden(h, modality, *edges(graph))[-1]
        again = net.hidden(h[order], modality[order], *edges(shuffled))[-1]
    largest = found.abs().max()
    assert largest > 0.1
    np.testing.assert_allclose(
        (again / largest).numpy(), (found / largest)[order].numpy(), atol=1e-5
    )


def test_corrections_start_at_zero_and_weights_come_from_the_seed() -> None:
    first, second = network(), network()
    for name, tensor in first.parameters().items():
        assert torch.equal(tensor, second.parameters()[name]), name
    assert not first.emit(torch.ones(3, 6), 0).detach().any()
    assert sorted(first.parameters()) == sorted(
        ["restart"]
        + [f"{kind}.{m}" for kind in ("project", "out") for m in "ab"]
        + [f"{kind}.{i}" for kind in ("weight", "bias") for i in (0, 1)]
    )


def test_restarts_start_where_they_are_told_and_a_full_one_stays() -> None:
    np.testing.assert_allclose(network().restarts().detach().numpy(), [0.2, 0.2], atol=1e-6)
    whole = Network(["a"], 4, width=6, layers=1, dropout=0.0, seed=0, restart=1.0)
    assert whole.restarts().tolist() == [1.0]
    assert "restart" not in whole.parameters()


def test_dropout_draws_from_its_generator_alone() -> None:
    net = network(dropout=0.5)
    h, modality = torch.ones(8, 4), torch.zeros(8, dtype=torch.int64)
    none = torch.zeros((2, 0), dtype=torch.int64), torch.zeros(0)
    before = torch.get_rng_state()
    runs = [
        net.hidden(h, modality, *none, torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2)
    ]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_sample_of_all_edges_gives_the_states_of_the_whole_graph() -> None:
    graph, net = some_graph(40), network()
    h = torch.from_numpy(np.random.default_rng(1).normal(size=(40, 4)).astype(np.float32))
    modality = torch.arange(40) % 2
    looped = degrees(graph) + 1
    matrix = normalised(graph, looped)
    whole = (matrix + sparse.diags(1 / looped)).astype(np.float32).tocsr()
    seeds = np.array([31, 4, 17])
    part = Sampler(matrix, 1 / looped, 2).sample(seeds)
    ends = torch.from_numpy(np.stack([part.source, part.target]))
    assert part.nodes[:3].tolist() == seeds.tolist()
    with torch.no_grad():
        found = net.hidden(h[part.nodes], modality[part.nodes], ends, torch.from_numpy(part.weight))
        expected = net.hidden(h, modality, *edges(whole))
    np.testing.assert_allclose(found[-1][:3].numpy(), expected[-1][seeds].numpy(), atol=1e-5)


def test_a_thinned_neighbourhood_is_bounded_and_right_on_average() -> None:
    graph = some_graph(60)
    looped = degrees(graph) + 1
    matrix, loops = normalised(graph, looped), 1 / looped
    sampler, rng = Sampler(matrix, loops, 1), np.random.default_rng(0)
    x = np.random.default_rng(1).normal(size=60)
    seeds = np.arange(5)
    draws = []
    for _ in range(3000):
        part = sampler.sample(seeds, 4, rng)
        assert np.bincount(part.target, minlength=5)[:5].max() <= 5  # four and the loop
        sums = np.bincount(part.target, part.weight * x[part.nodes[part.source]], minlength=5)
        draws.append(sums[:5])
    expected = (matrix @ x + loops * x)[seeds]
    error = np.std(draws, axis=0) / np.sqrt(len(draws))
    assert (np.abs(np.mean(draws, axis=0) - expected) < 4 * error + 1e-6).all()


def test_two_hops_reach_no_further_than_two() -> None:
    chain = sparse.diags([np.ones(9), np.ones(9)], [-1, 1], format="csr").astype(np.float32)
    part = Sampler(chain, np.ones(10, np.float32), 2).sample(
        np.array([0]), 3, np.random.default_rng(0)
    )
    assert sorted(part.nodes.tolist()) == [0, 1, 2]
    reached = part.nodes[part.target]
    assert not (reached == 2).any()  # its own state is only the input
