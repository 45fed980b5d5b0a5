"""Finder's run folder -> ONNX with the spec inside, checked against torch."""

import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from linelet_common.boxes import ONNX_KEY
from linelet_common.digests import seal
from linelet_common.errors import ReaderError
from linelet_common.files import output_file
from linelet_common.onnx_session import open_session
from linelet_model.finding.run import load_finder
from linelet_model.onnx_export import OPSET, TOLERANCE


class Probabilities(nn.Module):
    """The network as it is shipped: probabilities, which is what a map is made of."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, screens: Tensor) -> Tensor:
        """(N, 1, H, W) -> (N, H / 4, W / 4), 0-1."""
        scores: Tensor = self.network(screens)
        return scores.sigmoid()


def export_finder(run: Path, out: Path) -> float:
    """Write the run's network as ONNX; returns the greatest difference to torch over the screens it was checked on.

    Input ``screens`` float32 (batch, 1, H, W), output ``map`` float32 (batch, H / 4, W / 4), probabilities; batch, H
    and W are dynamic. ReaderError if ONNX Runtime differs by more than TOLERANCE; ``out`` is then not written.
    """
    trained, spec = load_finder(run)
    network = Probabilities(trained).eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the TorchScript exporter is deprecated, but it alone honours the opset
        torch.onnx.export(
            network,
            (torch.zeros(2, 1, 3 * spec.step, 2 * spec.step),),
            buffer,  # type: ignore[arg-type]  # its annotation forgets that it takes a buffer
            dynamo=False,
            opset_version=OPSET,
            input_names=["screens"],
            output_names=["map"],
            dynamic_axes={
                "screens": {0: "batch", 2: "height", 3: "width"},
                "map": {0: "batch", 1: "rows", 2: "columns"},
            },
        )
    model = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(model, {ONNX_KEY: spec.to_json()})
    onnx.checker.check_model(model, full_check=True)
    content = seal(model.SerializeToString())
    difference = _check(network, content, spec.step)
    with output_file(out) as file:
        file.write(content)
    return difference


def _check(network: nn.Module, content: bytes, step: int) -> float:
    """Compare torch with ONNX Runtime on batches and sizes other than the traced ones."""
    session = open_session(content, "the exported finder")
    rng = np.random.default_rng(0)
    greatest = 0.0
    for batch, rows, columns in ((1, 1, 1), (3, 2, 5), (1, 20, 10)):
        screens = rng.uniform(-1, 1, (batch, 1, rows * step, columns * step)).astype(np.float32)
        with torch.inference_mode():
            expected = network(torch.from_numpy(screens)).numpy()
        (found,) = session.run(None, {"screens": screens})
        difference = float(np.abs(expected - found).max())
        if expected.shape != found.shape or not difference <= TOLERANCE:
            raise ReaderError(
                f"the exported finder differs from torch by {difference:.1e} (allowed {TOLERANCE:.0e}) at "
                f"{batch} x {rows * step} x {columns * step} pixels; report the network"
            )
        greatest = max(greatest, difference)
    return greatest
