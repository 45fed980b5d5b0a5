"""Run folder -> ONNX with the spec inside, checked against torch."""

import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch

from linelet_common import sample
from linelet_common.automata import ONNX_KEY as AUTOMATA_KEY
from linelet_common.automata import automata_json
from linelet_common.digests import seal
from linelet_common.errors import ReaderError
from linelet_common.files import output_file
from linelet_common.onnx_session import open_session
from linelet_common.reader import decode
from linelet_common.spec import ONNX_KEY, ReaderSpec
from linelet_model.run import check_file, load_network

OPSET = 17
# float32 networks of a few million parameters differ by 1e-6 to 1e-5 between torch and ONNX Runtime.
TOLERANCE = 1e-4


def export(run: Path, out: Path) -> float:
    """Write the run's network as ONNX; returns the greatest difference to torch over the lines it was checked on.

    Input ``images`` float32 (batch, 1, H, width), output ``scores`` float32 (batch, T, C); batch and width are dynamic.
    ReaderError if ONNX Runtime's scores differ by more than TOLERANCE or any text differs; ``out`` is then not written.
    """
    network, spec = load_network(run)
    example = torch.zeros(2, spec.channels, spec.height, 4 * spec.width_step)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The TorchScript exporter is deprecated, but it alone honours the opset and keeps a GRU one node.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            buffer,  # type: ignore[arg-type]  # its annotation forgets that it takes a buffer
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=["scores"],
            dynamic_axes={"images": {0: "batch", 3: "width"}, "scores": {0: "batch", 1: "frames"}},
        )
    model = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(model, {ONNX_KEY: spec.to_json(), AUTOMATA_KEY: automata_json(spec), **_sample(run)})
    onnx.checker.check_model(model, full_check=True)
    content = seal(model.SerializeToString())
    difference = _check(network, spec, content)
    with output_file(out) as file:
        file.write(content)
    return difference


def _sample(run: Path) -> dict[str, str]:
    """The run's sample picture as metadata, if it has one."""
    path = run / sample.FILE_NAME
    if not path.is_file():
        return {}
    check_file(run, sample.FILE_NAME)
    return {sample.ONNX_KEY: sample.sample_to_text(path.read_bytes())}


def _check(network: torch.nn.Module, spec: ReaderSpec, content: bytes) -> float:
    """Compare torch with ONNX Runtime on batches and widths other than the traced ones."""
    session = open_session(content, "the exported network")
    rng = np.random.default_rng(0)
    greatest = 0.0
    for batch, steps in ((1, 1), (3, 3), (2, 9)):
        width = spec.padded_width(steps * spec.width_step)
        lines = rng.uniform(-1, 1, (batch, spec.channels, spec.height, width)).astype(np.float32)
        with torch.inference_mode():
            expected = network(torch.from_numpy(lines)).numpy()
        (found,) = session.run(None, {"images": lines})
        difference = float(np.abs(expected - found).max())
        same = [r.text for r in decode(expected, spec)] == [r.text for r in decode(found, spec)]
        if not difference <= TOLERANCE or not same:
            raise ReaderError(
                f"the exported network differs from torch by {difference:.1e} (allowed {TOLERANCE:.0e}) at "
                f"{batch} x {width} pixels; train in float32 or report the network"
            )
        greatest = max(greatest, difference)
    return greatest
