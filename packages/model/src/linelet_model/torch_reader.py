"""A run folder as a reader: its trained network in torch, on the CPU."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from linelet_model.run import load_network


class TorchReader:
    """The network of a run folder. ReaderError if the folder is none, or its weights are missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self.network, self.spec = load_network(folder)

    def scores(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Input float32 (N, 1, H, W) -> logits float32 (N, T, C)."""
        with torch.inference_mode():
            output: NDArray[np.float32] = self.network(torch.from_numpy(batch)).numpy()
        return output
