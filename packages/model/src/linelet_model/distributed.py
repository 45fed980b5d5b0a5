"""Many processes, one training. Started by torchrun; a single process needs none of it.

Every process prepares the whole batch and computes its share, so that N processes do exactly what one would.
Batch normalisation takes its statistics over all shares (torch's own SyncBatchNorm exists for CUDA only).
"""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from linelet_common.processes import end_with_launcher


class _Sum(torch.autograd.Function):
    """Sum over all processes; so is its gradient."""

    @staticmethod
    def forward(context: object, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: object, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class SyncedBatchNorm(nn.BatchNorm2d):
    """BatchNorm2d whose training statistics are those of all processes' inputs together."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, H, W) -> the same shape."""
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        values = x.float()
        count = torch.tensor([values.numel() / values.shape[1]], device=x.device)
        local = torch.cat([values.sum((0, 2, 3)), values.square().sum((0, 2, 3)), count])
        sums: Tensor = _Sum.apply(local)  # type: ignore[no-untyped-call]
        total = sums[-1]
        mean = sums[: values.shape[1]] / total
        variance = (sums[values.shape[1] : -1] / total - mean.square()).clamp(min=0)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * total / (total - 1), self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (values * scale[:, None, None] + shift[:, None, None]).to(x.dtype)


def _synced(module: nn.Module) -> nn.Module:
    """Replace every BatchNorm2d by a SyncedBatchNorm with the same state."""
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            norm = SyncedBatchNorm(child.num_features, child.eps, child.momentum)
            norm.load_state_dict(child.state_dict())
            setattr(module, name, norm)
        else:
            _synced(child)
    return module


@dataclass(frozen=True)
class World:
    """This process's place among all. ``torchrun`` gives it through the environment."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    @classmethod
    def join(cls) -> "World":
        """Join the processes that torchrun started; a world of one without it."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun's; other launchers may start us and leave
            end_with_launcher()
        # NCCL carries what lies on GPUs, once each process has chosen its own; gloo all else, with --device cpu too.
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        return cls(dist.get_rank(), size)

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network as the training loop calls it: gradients averaged over all processes."""
        if self.size == 1:
            return network
        ids = [device.index] if device.type == "cuda" else None
        # Buffers are equal by construction: the statistics are computed over all processes.
        return DistributedDataParallel(_synced(network).to(device), device_ids=ids, broadcast_buffers=False)

    def agree(self, value: float) -> float:
        """The first process's value: clocks differ, decisions must not."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(shared, 0)
        return float(shared.item())

    def mean(self, value: float) -> float:
        """The mean over all processes."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        dist.all_reduce(shared)
        return float(shared.item()) / self.size

    def wait(self) -> None:
        """Wait for all processes."""
        self.mean(0.0)  # NCCL's own barrier takes any GPU, also one that another process has

    def leave(self) -> None:
        """Leave in good order."""
        if self.size > 1:
            dist.destroy_process_group()


def plain(network: nn.Module) -> nn.Module:
    """The network without DDP's wrapper."""
    return network.module if isinstance(network, DistributedDataParallel) else network
