"""Inputs for checking a bare graph: random numbers in batches and sizes other than those it was converted with."""

import numpy as np

from linelet_common.errors import ConversionError
from linelet_convert.graphs import BATCHES
from linelet_convert.onnxfile import OnnxFile, element_type, integer_range
from linelet_convert.runtimes import Feeds, OnnxRuntime
from linelet_convert.tfgraph import Shape, static

# A batch of one is what pages run, and where an axis of length 1 may be mistaken for one to broadcast. Each comes with
# the other lengths of a probe, so that all of those are run: a length's remainder decides how pictures are halved.
_FURTHER_BATCHES = {1: 2, 16: 0}
# Ranges of integers, tried from the widest: what an index or a length can be, nobody knows but the network.
_RANGES = ((-(2**20), 2**20), (-1000, 1000), (0, 1000), (-2, 2), (0, 2))


def make_feeds(file: OnnxFile, shapes: dict[str, Shape], reference: OnnxRuntime) -> list[Feeds]:
    """Random inputs of several sizes, integers as wide as ONNX Runtime takes them. Names are the file's.

    ConversionError with ONNX Runtime's words if it takes no integers of any range.
    """
    loose = [name for name, shape in shapes.items() if shape.shape[1] and tuple(shape[:, 0]) == BATCHES]
    probes = (0, 1) if loose or all(map(static, shapes.values())) else (0, 1, 2)
    sizes = [{name: shape[probe] for name, shape in shapes.items()} for probe in probes]
    for batch, probe in _FURTHER_BATCHES.items() if loose else ():
        sizes.append({name: _with_batch(shape[probe], batch, name in loose) for name, shape in shapes.items()})
    rng = np.random.default_rng(0)
    whole = [i for i in file.inputs if element_type(i, file.path) in ("int32", "int64")]
    feeds = []
    for size in sizes:
        accepted = [f for f in (_feed(file, size, span, rng) for span in _RANGES) if _runs(reference, f)]
        if not whole:
            feeds += accepted[:1] or [_feed(file, size, _RANGES[0], rng)]
        else:
            feeds += accepted
    if not feeds:
        reference.run(_feed(file, sizes[0], _RANGES[-1], rng))  # says why
    return feeds


def _with_batch(shape: Shape, batch: int, loose: bool) -> Shape:
    return np.concatenate([[batch], shape[1:]]) if loose else shape


def _feed(file: OnnxFile, size: dict[str, Shape], span: tuple[int, int], rng: np.random.Generator) -> Feeds:
    # An integer divided by zero ends the process that runs ONNX Runtime.
    divides = any(node.op_type in ("Div", "Mod") for node in file.nodes)
    feed: Feeds = {}
    for given in file.inputs:
        kind = element_type(given, file.path)
        if kind == "float32":
            feed[given.name] = rng.standard_normal(size[given.name]).astype(np.float32)
        elif kind == "bool":
            feed[given.name] = rng.integers(0, 2, size[given.name]).astype(np.bool_)
        else:
            low, high = integer_range(given, *span)
            numbers = rng.integers(low, high, size[given.name], endpoint=True)
            feed[given.name] = (np.where(numbers == 0, 1, numbers) if divides else numbers).astype(kind)
    return feed


def _runs(reference: OnnxRuntime, feed: Feeds) -> bool:
    try:
        reference.run(feed)
    except ConversionError:
        return False
    return True
