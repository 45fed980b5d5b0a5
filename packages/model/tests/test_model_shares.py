from copy import deepcopy

import pytest
import torch
from torch import nn

from linelet_common.spec import ReaderSpec
from linelet_model.data import Batch
from linelet_model.distributed import World
from linelet_model.loss import ctc_loss
from linelet_model.networks import network_class
from linelet_model.settings import Settings
from linelet_model.shares import LEAST, Shares, count_shares
from linelet_model.state import State

SPEC = ReaderSpec(name="digits", charset="0123456789")


def network() -> nn.Module:
    torch.manual_seed(3)
    return network_class("light-conv")(11)


def batch(lines: int, seed: int = 0) -> Batch:
    torch.manual_seed(seed)
    lengths = torch.randint(1, 5, (lines,))
    return Batch(
        torch.rand(lines, 1, 32, 96),
        torch.ones(lines, 1, 1, 96),
        torch.randint(1, 11, (int(lengths.sum()),)),
        lengths,
        torch.zeros(lines, dtype=torch.bool),
    )


def backward(own: nn.Module, share: Batch, lines: int) -> float:
    loss = ctc_loss(own(share.images), share, SPEC).sum() / lines
    loss.backward()
    return float(loss.detach())


@pytest.mark.parametrize("lines", [1, 2, 3, 31, 40])
def test_shares_add_up_to_what_their_parts_give_one_after_the_other(lines: int) -> None:
    together, whole = network(), batch(lines)
    alone = [deepcopy(together).train() for _ in range(min(3, lines))]
    shares = Shares(together, 3, 3)
    loss = shares.backward(lambda own, share: backward(own, share, lines), whole)
    wanted = sum(backward(own, whole.share(k, 3), lines) for k, own in enumerate(alone))
    assert loss == pytest.approx(wanted, rel=1e-6)
    for weight, *parts in zip(together.parameters(), *(own.parameters() for own in alone), strict=True):
        torch.testing.assert_close(weight.grad, sum(part.grad for part in parts), rtol=1e-3, atol=1e-4)
    for kept, *parts in zip(together.buffers(), *(own.buffers() for own in alone), strict=True):
        torch.testing.assert_close(kept.double(), torch.stack([part.double() for part in parts]).mean(0))


def test_gradients_of_several_steps_add_up() -> None:
    once, twice = network(), network()
    Shares(once, 2, 2).backward(lambda own, share: backward(own, share, 8), batch(8))
    shares = Shares(twice, 2, 2)
    for _ in range(2):
        shares.backward(lambda own, share: backward(own, share, 8), batch(8))
    for a, b in zip(once.parameters(), twice.parameters(), strict=True):
        torch.testing.assert_close(2 * a.grad, b.grad)


@pytest.mark.parametrize("optimiser", ["muon", "adamw"])
def test_training_in_shares_is_the_same_each_time_and_learns(optimiser: str) -> None:
    """Whichever thread is faster; weights stay shared after a step and after a checkpoint is taken up."""

    def train(seed: int) -> tuple[State, list[float]]:
        settings = Settings(recipe="health-app", epochs=1, batch=48, optimiser=optimiser, precision="fp32")
        state = State(settings.checked(), network(), torch.device("cpu"), World(), threads=3)
        assert state.shares
        state.bare.load_state_dict(deepcopy(state.bare.state_dict()))
        return state, [state.train_step(batch(48, seed), SPEC) for _ in range(12)]

    first, losses = train(1)
    again, same = train(1)
    assert losses == same
    assert losses[-1] < losses[0]
    for a, b in zip(first.bare.parameters(), again.bare.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("lines", "threads", "count"),
    [(64, 1, 1), (64, 2, 2), (64, 16, 64 // LEAST), (LEAST, 8, 1), (1, 8, 1), (2 * LEAST, 2, 2)],
)
def test_shares_are_not_too_small(lines: int, threads: int, count: int) -> None:
    assert count_shares(lines, threads) == count


def test_failures_in_a_share_are_the_steps() -> None:
    def fail(own: nn.Module, share: Batch) -> float:
        raise MemoryError("no more")

    with pytest.raises(MemoryError, match="no more"):
        Shares(network(), 2, 2).backward(fail, batch(4))
