"""Resizing pictures and feature maps."""

import numpy as np

from linelet_convert.registry import converter
from linelet_convert.tfgraph import static
from linelet_convert.values import Emitter, OnnxNode, Value


@converter(
    "Resize",
    since=10,
    restrictions="cubic; antialias; crop; axes but height and width; nearest but whole multiples or asymmetric floor",
)
def _resize(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    if x.rank != 4:
        node.refuse(f"resizes {x.rank} axes; only (N, C, H, W) is supported")
    size = _target(node, x)
    mode, where = node.attribute("mode", "nearest"), node.attribute("coordinate_transformation_mode", "half_pixel")
    if mode not in ("nearest", "linear") or node.attribute("antialias", 0) or where == "tf_crop_and_resize":
        node.refuse(f"resizes by {mode!r}, {where!r}; use nearest or linear without antialias")
    if node.attribute("axes") is not None:
        node.refuse("names its axes; export without")
    stored = g.channels_last(x)
    shape = stored.shape.copy()
    shape[:, 1:3] = size
    if mode == "nearest":
        times = size // x.shape[:, 2:]
        whole = np.array_equal(times * x.shape[:, 2:], size) and static(times)
        rounding = node.attribute("nearest_mode", "round_prefer_floor")
        floor = where == "asymmetric" and rounding == "floor"
        # Whole multiples repeat pixels in every mode but these.
        if whole and where != "align_corners" and (where != "asymmetric" or floor):
            n, h, w, c = stored.shape.T
            one = np.ones_like(n)
            apart = g.reshape(stored, np.stack([n, h, one, w, one, c], axis=1))
            repeats = g.ints([1, 1, int(times[0, 0]), 1, int(times[0, 1]), 1])
            tiled = apart.shape.copy()
            tiled[:, [2, 4]] = times
            return g.from_channels_last(g.reshape(g.node("Tile", [apart, repeats], tiled), shape), 4)
        if not floor:
            node.refuse(
                f"takes the nearest pixel by {where!r}, {rounding!r}; use whole multiples, or asymmetric and floor"
            )
    elif where not in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
        node.refuse(f"interpolates by {where!r}; use half_pixel, align_corners or asymmetric")
    if where == "pytorch_half_pixel" and (size == 1).any():
        node.refuse("interpolates to a single pixel by 'pytorch_half_pixel'; use half_pixel")
    target = g.runtime_ints(size, f"node {node.proto.name!r}")
    op = "ResizeNearestNeighbor" if mode == "nearest" else "ResizeBilinear"
    half = mode == "linear" and where in ("half_pixel", "pytorch_half_pixel")
    out = g.node(op, [stored, target], shape, align_corners=where == "align_corners", half_pixel_centers=half)
    return g.from_channels_last(out, 4)


def _target(node: OnnxNode, x: Value) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Height and width of the result, int64 (probes, 2)."""
    sizes = node.optional(3)
    if sizes is not None and sizes.known is not None and sizes.shape[0, 0]:
        full = np.stack([np.asarray(k, dtype=np.int64) for k in sizes.known])
    else:
        scales = node.optional(2 if node.opset > 10 else 1)
        if scales is None or scales.known is None or scales.shape[0].tolist() != [4]:
            node.refuse("its size is computed while the network runs; export it as a constant")
        full = np.floor(x.shape * np.stack([np.asarray(k, dtype=np.float64) for k in scales.known]) + 1e-6).astype(
            np.int64
        )
    if full.shape[1:] != (4,) or not np.array_equal(full[:, :2], x.shape[:, :2]) or (full < 1).any():
        node.refuse("resizes more than height and width; export again")
    return full[:, 2:]
