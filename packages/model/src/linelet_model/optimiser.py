"""What changes the weights: Muon for a network's inner matrices, AdamW for the rest of it.

A line reader's weights are few and its lines cheap, so the number of steps decides how long a training takes; Muon
needs a fraction of those that AdamW needs, because it moves along every direction of a matrix alike.
"""

from typing import Any

import torch
from torch import Tensor, nn

from linelet_model.networks import network_class
from linelet_model.settings import Settings

_MOMENTUM = 0.95
_STEP = 0.2  # the usual root mean square of AdamW's step, in learning rates
_SMALLEST = 32  # rows and columns from which there is something to make orthogonal


def build_optimisers(network: nn.Module, settings: Settings, fused: bool) -> list[torch.optim.Optimizer]:
    """The optimisers that together change every weight, all at one learning rate.

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
        *([Muon(groups, lr, weight_decay)] if groups else []),
        torch.optim.AdamW(rest.values(), lr, weight_decay=weight_decay, fused=fused),
    ]


class Muon(torch.optim.Optimizer):
    """Momentum whose step is made orthogonal: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon.

    A convolution counts as the matrix (outputs, inputs * height * width); a weight of a group with ``gates`` is as many
    matrices one below the other. Steps are as long as AdamW's usual ones, so that one learning rate serves both, and
    weights decay as there: Liu et al. 2025, "Muon is scalable for LLM training".
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, weight_decay: float) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # nobody here passes one
        """Change the weights by one step."""
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
                    flat = matrix.reshape(len(matrix), -1)
                    length = _STEP * max(flat.shape) ** 0.5
                    part.add_(orthogonal(flat).view(part.shape), alpha=-group["lr"] * length)


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """About the nearest semi-orthogonal matrix to one of any shape: Newton and Schulz's iteration, in float32.

    The coefficients are those that bring small singular values up fastest; the result's are between 0.7 and 1.2.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.float()
    upright = x.shape[0] > x.shape[1]
    x = x.T if upright else x
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.T if upright else x


def _gates(network: nn.Module, name: str) -> int:
    """How many matrices of their own a weight holds, one below the other."""
    layer = network.get_submodule(name.rpartition(".")[0])
    return 3 if isinstance(layer, nn.GRU) else 4 if isinstance(layer, nn.LSTM) else 1
