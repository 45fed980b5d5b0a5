"""Resizing pictures and feature maps."""

import numpy as np

from linelet_convert.registry import converter
from linelet_convert.tfgraph import Array, Shape, Tensor, static
from linelet_convert.values import Emitter, OnnxNode, Value

_WHERE = ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners", "asymmetric",
          "tf_half_pixel_for_nn")  # fmt: skip


@converter(
    "Resize",
    since=10,
    restrictions="cubic; antialias; crop; axes but height and width; modes that TensorFlow.js lacks, at variable sizes",
)
def _resize(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    if x.rank != 4:
        node.refuse(f"resizes {x.rank} axes; only (N, C, H, W) is supported")
    size, scales = _target(node, x)
    default = "half_pixel" if node.opset > 10 else "asymmetric"
    mode, where = node.attribute("mode", "nearest"), node.attribute("coordinate_transformation_mode", default)
    if mode not in ("nearest", "linear") or node.attribute("antialias", 0) or where not in _WHERE:
        node.refuse(f"resizes by {mode!r}, {where!r}; use nearest or linear without antialias")
    if node.attribute("axes") is not None:
        node.refuse("names its axes; export without")
    if np.array_equal(size, x.shape[:, 2:]):
        return x  # ONNX Runtime copies what keeps its size, whatever the scales are
    stored = g.channels_last(x)
    shape = stored.shape.copy()
    shape[:, 1:3] = size
    old = x.shape[:, 2:]
    rounding = node.attribute("nearest_mode", "round_prefer_floor") if node.opset > 10 else "floor"
    kernel = _kernel(mode, where, rounding, old, size, scales)
    if kernel:
        target = g.runtime_ints(size, f"node {node.proto.name!r}")
        op, corners, half = kernel
        out = g.node(op, [stored, target], shape, align_corners=corners, half_pixel_centers=half)
        return g.from_channels_last(out, 4)
    times = size // old
    if mode == "nearest" and static(times) and _repeats(where, rounding, old, size, scales):
        return g.from_channels_last(_repeat(g, stored, times[0], shape), 4)
    if not static(old) or not static(size):
        node.refuse(f"resizes by {mode!r}, {where!r}, {rounding!r} at variable sizes; fix the input's "
                    "size, or use whole multiples with asymmetric and floor")  # fmt: skip
    out = stored
    for axis in range(2):
        at = positions(int(old[0, axis]), int(size[0, axis]), float(scales[0, axis]), where)
        out = _take(g, out, 1 + axis, at, int(old[0, axis]), rounding if mode == "nearest" else None)
    return g.from_channels_last(out, 4)


def _kernel(
    mode: str, where: str, rounding: str, old: Shape, size: Shape, scales: Array
) -> tuple[str, bool, bool] | None:
    """TensorFlow.js's kernel that does this for every size, with align_corners and half_pixel_centers; or None.

    It computes with the ratio of the lengths, ONNX with the scales given, which differ where a length is rounded.
    """
    exact = bool(np.allclose(old * scales, size, rtol=0, atol=1e-6))
    if mode == "linear":
        if where == "align_corners":
            return "ResizeBilinear", True, False
        if where == "asymmetric" and exact:
            return "ResizeBilinear", False, False
        single = where == "pytorch_half_pixel" and (size == 1).any()
        half = where in ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel")
        return ("ResizeBilinear", False, True) if half and exact and not single else None
    times = size // old
    # Powers of two only: others are not exact in the kernel's float32, and a pixel beside is a wrong one.
    if _repeats(where, rounding, old, size, scales) and ((times & (times - 1)) == 0).all():
        return "ResizeNearestNeighbor", False, False
    return None


def _repeats(where: str, rounding: str, old: Shape, size: Shape, scales: Array) -> bool:
    """Whether the nearest pixels are each pixel repeated a whole number of times."""
    whole = np.array_equal(size // old * old, size) and np.allclose(old * scales, size, rtol=0, atol=1e-6)
    half = where in ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel") and rounding.startswith("round_prefer")
    return whole and ((where == "asymmetric" and rounding == "floor") or half)


def _repeat(g: Emitter, x: Tensor, times: Array, shape: Shape) -> Tensor:
    """Repeat each row and column of a tensor (N, H, W, C) ``times`` (rows, columns)."""
    n, h, w, c = x.shape.T
    one = np.ones_like(n)
    apart = g.reshape(x, np.stack([n, h, one, w, one, c], axis=1))
    tiled = apart.shape.copy()
    tiled[:, [2, 4]] = times
    repeats = g.ints([1, 1, int(times[0]), 1, int(times[1]), 1])
    return g.reshape(g.node("Tile", [apart, repeats], tiled), shape)


def positions(old: int, new: int, scale: float, where: str) -> Array:
    """Where the pixels of a resized axis lie in the old one (ONNX's Resize, coordinate_transformation_mode)."""
    index = np.arange(new, dtype=np.float32)
    if where == "align_corners":
        return index * np.float32((old - 1) / (new - 1)) if new > 1 else index * 0
    if where == "asymmetric":
        return np.asarray(index / np.float32(scale))
    centres = (index + np.float32(0.5)) / np.float32(scale)
    if where == "tf_half_pixel_for_nn":
        return np.asarray(centres)
    if where == "pytorch_half_pixel" and new == 1:
        return index * 0
    shift = old / 2 * (1 - new / (scale * old)) if where == "half_pixel_symmetric" else 0.0
    return np.asarray(centres - np.float32(0.5) + np.float32(shift))


def _take(g: Emitter, x: Tensor, axis: int, at: Array, old: int, rounding: str | None) -> Tensor:
    """The pixels at positions along an axis: rounded to one, or interpolated between two where rounding is None."""
    shape = x.shape.copy()
    shape[:, axis] = len(at)

    def gather(index: Array) -> Tensor:
        where = g.constant(np.clip(index, 0, old - 1).astype(np.int32))
        return g.node("GatherV2", [x, where, g.scalar(axis)], shape, x.dtype, batch_dims=0)

    if rounding is not None:
        shift, toward = {
            "floor": (0.0, np.floor), "ceil": (0.0, np.ceil), "round_prefer_ceil": (0.5, np.floor),
            "round_prefer_floor": (-0.5, np.ceil),
        }[rounding]  # fmt: skip
        return gather(toward(at + np.float32(shift)))
    inside = np.clip(at, 0, old - 1)
    low = np.floor(inside)
    share = (inside - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(4)])
    nearer = g.binary("Mul", gather(low), g.constant(1 - share))
    return g.binary("AddV2", nearer, g.binary("Mul", gather(low + 1), g.constant(share)))


def _target(node: OnnxNode, x: Value) -> tuple[Shape, Array]:
    """Height and width of the result, int64 (probes, 2), and by what they are scaled, float64 (probes, 2)."""
    sizes = node.optional(3)
    if sizes is not None and sizes.known is not None and sizes.shape[0, 0]:
        full = np.stack([np.asarray(k, dtype=np.int64) for k in sizes.known])
        if full.shape[1:] != (4,) or node.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
            node.refuse("resizes more than height and width, or keeps an aspect ratio; export again")
        scales = full / x.shape
    else:
        given = node.optional(2 if node.opset > 10 else 1)
        if given is None or given.known is None or given.shape[0].tolist() != [4]:
            node.refuse("its size is computed while the network runs; export it as a constant")
        scales = np.stack([np.asarray(k, dtype=np.float64) for k in given.known])
        full = np.floor(x.shape * scales + 1e-6).astype(np.int64)
    if not np.array_equal(full[:, :2], x.shape[:, :2]) or (full < 1).any():
        node.refuse("resizes more than height and width; export again")
    return full[:, 2:], scales[:, 2:]
