import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from linelet_model.networks import NETWORKS, network_class
from linelet_model.optimiser import Muon, build_optimisers, orthogonal
from linelet_model.settings import Settings


@pytest.mark.parametrize(("precision", "spread"), [(torch.float32, 0.01), (torch.bfloat16, 0.1)])
@given(st.integers(2, 80), st.integers(2, 80), st.integers(0, 9), st.floats(1e-4, 1e4))
def test_an_orthogonal_step_is_as_long_in_every_direction(precision, spread, rows, columns, seed, scale):
    """Singular vectors stay, singular values become about 1: numpy's decomposition is the oracle."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.normal(size=(rows, rows)))
    right, _ = np.linalg.qr(rng.normal(size=(columns, columns)))
    rank = min(rows, columns)
    values = np.geomspace(1, 0.05, rank)
    matrix = torch.from_numpy(scale * (left[:, :rank] * values) @ right[:rank])
    found = left[:, :rank].T @ orthogonal(matrix, precision).double().numpy() @ right[:rank].T
    assert np.all(np.abs(found - np.diag(np.diag(found))) < spread)
    assert np.all((np.diag(found) > 0.6 - spread) & (np.diag(found) < 1.3 + spread))


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9 has no Muon to compare with")
def test_a_matrix_goes_the_way_of_torchs_own_muon():
    weights = torch.randn(48, 40, generator=torch.Generator().manual_seed(0))
    ours, theirs = nn.Parameter(weights.clone()), nn.Parameter(weights.clone())
    muon = Muon([{"params": [ours], "gates": 1}], lr=0.01, weight_decay=0.0)
    torchs = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    for step in range(5):
        gradient = torch.randn(48, 40, generator=torch.Generator().manual_seed(step + 1))
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        muon.step()
        torchs.step()
    # torch iterates in bfloat16, which is good for two digits.
    assert (ours - theirs).norm() < 0.03 * (theirs - weights).norm()


def test_weights_decay_beside_the_step():
    weights = torch.ones(40, 40)
    decayed, kept = nn.Parameter(weights.clone()), nn.Parameter(weights.clone())
    decayed.grad = torch.randn(40, 40, generator=torch.Generator().manual_seed(0))
    kept.grad = decayed.grad.clone()
    Muon([{"params": [decayed], "gates": 1}], lr=0.01, weight_decay=0.5).step()
    Muon([{"params": [kept], "gates": 1}], lr=0.01, weight_decay=0.0).step()
    torch.testing.assert_close(kept - decayed, 0.01 * 0.5 * weights)


def test_a_recurrent_weights_gates_are_turned_one_by_one():
    whole = nn.Parameter(torch.zeros(96, 40))
    parts = [nn.Parameter(torch.zeros(32, 40)) for _ in range(3)]
    whole.grad = torch.randn(96, 40, generator=torch.Generator().manual_seed(0))
    for part, gradient in zip(parts, whole.grad.chunk(3), strict=True):
        part.grad = gradient.clone()
    Muon([{"params": [whole], "gates": 3}], 0.01, 0.0).step()
    Muon([{"params": parts, "gates": 1}], 0.01, 0.0).step()
    torch.testing.assert_close(whole.data, torch.cat([p.data for p in parts]))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_is_changed_by_one_optimiser(name):
    network = network_class(name)(20)
    optimisers = build_optimisers(network, Settings(network=name), fused=False)
    shares = [[p for group in optimiser.param_groups for p in group["params"]] for optimiser in optimisers]
    together = [id(p) for share in shares for p in share]
    assert sorted(together) == sorted(id(p) for p in network.parameters())
    muon, rest = shares
    assert all(p.ndim >= 2 and not (p.ndim == 4 and p.shape[1] == 1) for p in muon)
    assert sum(p.numel() for p in muon) > 0.9 * sum(p.numel() for p in network.parameters())
    scores = dict(network.named_parameters())["scores.weight"]
    assert any(p is scores for p in rest)
