"""What changes the weights: Muon for a network's inner matrices, AdamW for the rest of it.

A line reader's weights are few and its lines cheap, so the number of steps decides how long a training takes; Muon
needs a fraction of those that AdamW needs, because it moves along every direction of a matrix alike.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from linelet_model.networks import network_class
from linelet_model.settings import Settings

# map, or what calls in several threads.
Each = Callable[[Callable[[Any], None], Iterable[Any]], Iterable[None]]

_MOMENTUM = 0.95
_STEP = 0.2  # the usual root mean square of AdamW's step, in learning rates
_SMALLEST = 32  # rows and columns from which there is something to make orthogonal


def build_optimisers(
    network: nn.Module, settings: Settings, fused: bool, precision: torch.dtype = torch.float32, each: Each = map
) -> list[torch.optim.Optimizer]:
    """The optimisers that together change every weight, all at one learning rate.

    precision: what the network computes in. each: ``map``, or one that calls in several threads.
    Muon leaves to AdamW what is no inner matrix: biases, norms, depthwise filters, the first layer and the layer that
    the network's class calls its ``classifier``.
    """
    lr, weight_decay = settings.lr, settings.weight_decay
    rest = dict(network.named_parameters())
    if settings.optimiser == "adamw":
        return [torch.optim.AdamW(rest.values(), lr, weight_decay=weight_decay, fused=fused)]
    classifier = f"{network_class(settings.network).classifier}."
    gates: dict[int, list[nn.Parameter]] = {}
    for key, parameter in network.named_parameters():
        stacked = _gates(network, key)
        inner = min(len(parameter) // stacked, parameter[0].numel()) >= _SMALLEST
        first = parameter.ndim == 4 and parameter.shape[1] == 1  # it sees grey pixels, or is depthwise
        if inner and not first and not key.startswith(classifier):
            gates.setdefault(stacked, []).append(rest.pop(key))
    groups = [{"params": parameters, "gates": stacked} for stacked, parameters in gates.items()]
    return [
        *([Muon(groups, lr, weight_decay, precision, each)] if groups else []),
        torch.optim.AdamW(rest.values(), lr, weight_decay=weight_decay, fused=fused),
    ]


class Muon(torch.optim.Optimizer):
    """Momentum whose step is made orthogonal: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon.

    A convolution counts as the matrix (outputs, inputs * height * width); a weight of a group with ``gates`` is as many
    matrices one below the other. Steps are as long as AdamW's usual ones, so that one learning rate serves both, and
    weights decay as there: Liu et al. 2025, "Muon is scalable for LLM training".
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        lr: float,
        weight_decay: float,
        precision: torch.dtype = torch.float32,
        each: Each = map,
    ) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})
        # Where bfloat16 is quick, its iteration takes 0.6 of the time; float16 has too little range for it.
        self._precision = torch.bfloat16 if precision == torch.bfloat16 else torch.float32
        self._each = each

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # nobody here passes one
        """Change the weights by one step."""
        steps = []
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"].lerp_(weight.grad, 1 - _MOMENTUM)
                ahead = weight.grad.lerp(momentum, _MOMENTUM)  # Nesterov's
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                for part, matrix in zip(weight.chunk(group["gates"]), ahead.chunk(group["gates"]), strict=True):
                    steps.append((part, matrix.reshape(len(matrix), -1), group["lr"]))
        steps.sort(key=lambda step: -step[1].numel())  # several threads end together
        list(self._each(self._move, steps))

    @torch.no_grad()
    def _move(self, step: tuple[Tensor, Tensor, float]) -> None:
        weight, matrix, lr = step
        length = _STEP * max(matrix.shape) ** 0.5
        weight.add_(orthogonal(matrix, self._precision).view(weight.shape), alpha=-lr * length)


def orthogonal(matrix: Tensor, precision: torch.dtype = torch.float32, steps: int = 5) -> Tensor:
    """About the nearest semi-orthogonal matrix to one of any shape: Newton and Schulz's iteration, in that precision.

    The coefficients are those that bring small singular values up fastest; the result's are between 0.7 and 1.2.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.float()  # its length may be out of reach of a narrower type
    upright = x.shape[0] > x.shape[1]
    x = x.T if upright else x
    x = (x / (x.norm() + 1e-7)).to(precision)
    for _ in range(steps):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.T if upright else x


def _gates(network: nn.Module, name: str) -> int:
    """How many matrices of their own a weight holds, one below the other."""
    layer = network.get_submodule(name.rpartition(".")[0])
    return 3 if isinstance(layer, nn.GRU) else 4 if isinstance(layer, nn.LSTM) else 1
