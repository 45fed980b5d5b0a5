"""The graphs of a network: of a reader, one a width; or of a network of which nothing but its file is known."""

from collections.abc import Sequence

import numpy as np

from linelet_common.errors import ConversionError
from linelet_common.spec import ReaderSpec
from linelet_convert.choices import Choice
from linelet_convert.emit import emit
from linelet_convert.onnxfile import OnnxFile, dimensions, element_type
from linelet_convert.tfgraph import Graph, Shape
from linelet_convert.values import SIMPLIFICATIONS

# Batch sizes and further lengths by which shapes are told apart: no one a multiple or a plausible share of another, odd
# and even, and so far apart that they still differ where a network has halved them five times.
BATCHES = (2, 3, 5)
_APART = (0, 35, 102)
# For networks that take no such lengths, as those with a table of a hundred places.
_NEAR = (0, 1, 4)


def emit_reader(
    file: OnnxFile, spec: ReaderSpec, widths: Sequence[int], simplifications: frozenset[str] = SIMPLIFICATIONS
) -> tuple[ReaderSpec, dict[int, Graph]]:
    """The graphs of a reader, by width (0: any), and its spec with the widths that they take."""
    lengths = _reader_axes(file, spec)
    given, output = file.inputs[0], file.proto.graph.output[0]
    fixed = lengths[3] if isinstance(lengths[3], int) else None
    chosen = sorted(set(widths or spec.widths or ((fixed,) if fixed else ())))
    if fixed and chosen != [fixed]:
        raise ConversionError(
            f"{file.path} takes width {fixed} only, not {chosen}; export it with a dynamic width", place=file.path
        )
    graphs = {}
    for width in chosen or [0]:
        if width and width < spec.stride:
            raise ConversionError(
                f"width {width} is less than a frame ({spec.stride} pixels); name a larger one with --width"
            )
        columns = [BATCHES, spec.channels, spec.height, width or _several(spec.width_step, 2 * spec.height)]
        shape = np.stack([np.broadcast_to(np.array(c, dtype=np.int64), (len(BATCHES),)) for c in columns], axis=1)
        graph = emit(file, {given.name: shape}, simplifications, {given.name: "images", output.name: "scores"})
        scores = graph.outputs["scores"]
        if scores.rank != 3 or not (scores.shape[:, 2] == spec.classes).all():
            raise ConversionError(
                f"{file.path} gives scores of shape {scores.shape[0].tolist()}, the spec has {spec.classes} "
                f"classes ({len(spec.charset)} characters and the blank); correct the charset",
                place=file.path,
            )
        graphs[width] = graph
    return spec.model_copy(update={"widths": tuple(chosen)}), graphs


def _reader_axes(file: OnnxFile, spec: ReaderSpec) -> list[int | str]:
    """The axes (N, C, H, W) of a reader's input. ConversionError where they, or the file, do not fit a reader."""
    if len(file.inputs) != 1 or len(file.proto.graph.output) != 1:
        raise ConversionError(
            f"{file.path} has {len(file.inputs)} inputs and {len(file.proto.graph.output)} outputs; "
            "a reader has one of each, convert it without a spec",
            place=file.path,
        )
    given = file.inputs[0]
    kind = element_type(given, file.path)
    if kind != "float32":
        raise ConversionError(
            f"{file.path}: input {given.name!r} takes {kind}, a reader is fed float32; export it with a float32 input, "
            "or convert it with --bare",
            value=given.name,
            place=file.path,
        )
    lengths = dimensions(given, file.path)
    if len(lengths) != 4:
        raise ConversionError(
            f"{file.path}: input {given.name!r} has {len(lengths)} axes; a reader's has N, C, H, W",
            value=given.name,
            place=file.path,
        )
    if isinstance(lengths[0], int) and lengths[0] > 1:
        raise ConversionError(
            f"{file.path} takes batches of {lengths[0]} only, a reader any number of lines; "
            "export it with a dynamic batch",
            place=file.path,
        )
    for axis, name, wanted in ((1, "channels", spec.channels), (2, "height", spec.height)):
        if isinstance(lengths[axis], int) and lengths[axis] != wanted:
            raise ConversionError(
                f"{file.path} takes {name} {lengths[axis]}, the spec says {wanted}; correct the spec", place=file.path
            )
    return lengths


def emit_graph(
    file: OnnxFile,
    widths: Sequence[int],
    simplifications: frozenset[str] = SIMPLIFICATIONS,
    height: int | None = None,
    follow: Sequence[Choice] = (),
) -> Graph:
    """The graph of a network of which nothing but the file is known.

    height: of pictures, in pixels, where the file leaves it open and the network takes one only. follow: see ``emit``.
    """
    if len(widths) > 1:
        raise ConversionError(
            f"{file.path}: several widths {list(widths)} need a reader spec; name one width or add --spec",
            place=file.path,
        )
    failures: list[ConversionError] = []
    for apart in (_APART, _NEAR):
        # Networks that shrink the width demand that it be a multiple of something: the least that works is taken.
        for step in (1, 8, 32):
            try:
                return emit(file, _bare_shapes(file, widths, height, (step, apart)), simplifications, follow=follow)
            except ConversionError as refusal:
                failures.append(refusal)
        if len({str(failure) for failure in failures}) == 1:
            break  # whatever the size
    failure = failures[0]
    if height is None and any(_is_open_height(dimensions(given, file.path), 2) for given in file.inputs):
        raise ConversionError(
            f"{failure}; if it takes pictures of one height only, name it with --height", place=file.path
        ) from None
    raise failure


def _is_open_height(lengths: list[int | str], axis: int) -> bool:
    """Whether an axis of an input (N, C, H, W) is a height that the file leaves open."""
    return len(lengths) == 4 and axis == 2 and not isinstance(lengths[axis], int)


def _bare_shapes(
    file: OnnxFile, widths: Sequence[int], height: int | None, sizes: tuple[int, tuple[int, ...]]
) -> dict[str, Shape]:
    shapes = {}
    columns: dict[str, Sequence[int]] = {}
    for given in file.inputs:
        axes: list[Sequence[int]] = []
        lengths = dimensions(given, file.path)
        for axis, length in enumerate(lengths):
            if isinstance(length, int):
                axes.append([length] * len(BATCHES))
                continue
            name = length or f"{given.name} {axis}"
            if axis == 0:
                columns.setdefault(name, BATCHES)
            elif height is not None and _is_open_height(lengths, axis):
                columns.setdefault(name, [height] * len(BATCHES))
            elif widths and axis == len(lengths) - 1:
                columns.setdefault(name, [widths[0]] * len(BATCHES))
            else:
                columns.setdefault(name, _several(sizes[0], 64 + 37 * len(columns), sizes[1]))
            axes.append(columns[name])
        shapes[given.name] = np.array(axes, dtype=np.int64).reshape(-1, len(BATCHES)).T
    return shapes


def _several(step: int, least: int, apart: Sequence[int] = _APART) -> list[int]:
    """Lengths that are multiples of ``step``, at least ``least``, and so far apart."""
    return [(-(-least // step) + -(-further // step)) * step for further in apart]
