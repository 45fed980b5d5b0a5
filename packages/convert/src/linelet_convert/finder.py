"""The finder of lines in a bundle: its ONNX file -> ``finder/`` with model.json, shards and finder.json.

A reader's conversion is checked by texts, a finder's by boxes: they are what a page makes of its map. Its weights are
stored as small as the boxes allow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from linelet_common.boxes import FILE_NAME, ONNX_KEY, Box, FinderSpec, find_boxes, find_map, prepare_screen, screen_grey
from linelet_common.errors import ConversionError
from linelet_common.preprocess import Pixels
from linelet_convert.assets import FINDER
from linelet_convert.emit import emit
from linelet_convert.onnxfile import OnnxFile, dimensions
from linelet_convert.quantise import Weights
from linelet_convert.runtimes import OnnxRuntime, Runtime
from linelet_convert.tfgraph import Array, Graph
from linelet_convert.tfjs import write_model
from linelet_convert.values import SIMPLIFICATIONS
from linelet_convert.verify import TOLERANCE, difference

MODEL = "model.json"

SCREENS = 8
# Boxes that smaller weights may move so far that another line is read, as a share of all.
MOVED = 0.005
# Two boxes that share this much of their union hold the same line: their margins differ by a pixel or two.
_SAME = 0.8
# Smaller tensors save nothing worth a digit.
_HALF_FROM, _LEVELS_FROM = 64, 1024
# Sizes by which shapes are told apart, in steps of the finder: no one a multiple of another.
_BATCHES, _ROWS, _COLUMNS = (2, 3, 5), (3, 4, 8), (5, 6, 3)


@dataclass(frozen=True)
class FinderReport:
    """What a finder's conversion did. max_difference: of its maps to ONNX Runtime's; boxes: on how many judged.

    moved: the share of boxes (0-1) that its stored weights lose, add or move.
    """

    source: str
    weights: str
    bytes: int
    max_difference: float
    boxes: int
    moved: float


def convert_finder(path: Path, bundle: Path, runtime: Runtime, smallest: Weights = "uint8") -> FinderReport:
    """Write a finder's ONNX file into a bundle, checked against ONNX Runtime.

    smallest: the smallest kind of weights to try; larger ones are taken where it moves more than MOVED of the boxes.
    ConversionError for a file without a finder's spec, and where maps or boxes differ with float32 weights.
    """
    file = OnnxFile(path)
    text = file.metadata.get(ONNX_KEY)
    if text is None:
        raise ConversionError(
            f"{path} carries no finder's spec (metadata {ONNX_KEY!r}); make it with 'linelet export'",
            value=ONNX_KEY,
            place=path,
        )
    spec = FinderSpec.from_json(text, f"metadata {ONNX_KEY!r} of {path}")
    graph = emit_finder(file, spec)
    folder = bundle / FINDER
    folder.mkdir()
    (folder / FILE_NAME).write_text(spec.to_json(), encoding="utf-8")
    screens = [screen_grey(screen) for screen in check_screens(SCREENS, 0)]
    tiles = _tiles(screens, spec)
    write_model(folder, {MODEL: graph}, {})
    given, output = file.inputs[0].name, file.proto.graph.output[0].name
    reference = OnnxRuntime(file)
    wanted = [reference.run({given: tile})[output] for tile in tiles]
    got = _maps(folder, runtime, tiles)
    worst = max(difference(a, b, file) for a, b in zip(wanted, got, strict=True))
    before, after = _boxes(screens, spec, wanted), _boxes(screens, spec, got)
    if worst >= TOLERANCE or moved(before, after):
        raise ConversionError(
            f"{path}: maps differ by {worst:.2g} from ONNX Runtime's ({runtime.name}), and {moved(before, after):.1%} "
            f"of the boxes; {TOLERANCE:g} and none are allowed, please report the network",
            place=path,
        )
    weights, share = "float32", 0.0
    for kind in [k for k in ("uint8", "float16") if smallest in ("uint8", k)]:
        _write(folder, graph, kind)
        share = moved(before, _boxes(screens, spec, _maps(folder, runtime, tiles)))
        if share <= MOVED:
            weights = kind
            break
    else:
        share = 0.0
        _write(folder, graph, "float32")
    size = sum(f.stat().st_size for f in folder.iterdir())
    return FinderReport(path.name, weights, size, worst, sum(map(len, before)), share)


def emit_finder(file: OnnxFile, spec: FinderSpec) -> Graph:
    """The graph of a finder: screens (N, 1, H, W) of any multiples of its step -> map (N, H / stride, W / stride)."""
    if len(file.inputs) != 1 or len(file.proto.graph.output) != 1:
        raise ConversionError(
            f"{file.path} has not one input and one output, as a finder has; give a finder's file", place=file.path
        )
    given, output = file.inputs[0], file.proto.graph.output[0]
    lengths = dimensions(given, file.path)
    if len(lengths) != 4 or lengths[1] != 1 or any(isinstance(length, int) for length in lengths[2:]):
        raise ConversionError(
            f"{file.path} takes {lengths}; a finder takes grey screens of any size, (N, 1, H, W): export it so",
            place=file.path,
        )
    columns = [_BATCHES, (1, 1, 1), [spec.step * n for n in _ROWS], [spec.step * n for n in _COLUMNS]]
    shape = np.array(columns, dtype=np.int64).T
    graph = emit(file, {given.name: shape}, SIMPLIFICATIONS, {given.name: "screens", output.name: "map"})
    wanted = np.stack([shape[:, 0], shape[:, 2] // spec.stride, shape[:, 3] // spec.stride], axis=1)
    if not np.array_equal(graph.outputs["map"].shape, wanted):
        raise ConversionError(
            f"{file.path} gives maps of {graph.outputs['map'].shape[0].tolist()} for screens of {shape[0].tolist()}, "
            f"not {wanted[0].tolist()}; correct the finder's stride",
            place=file.path,
        )
    return graph


def check_screens(count: int, seed: int) -> list[Pixels]:
    """``count`` screens, RGB uint8: text in Pillow's own font on cards, with rules and icons. They need no data."""
    rng = np.random.default_rng(seed)
    return [_screen(rng) for _ in range(count)]


def _screen(rng: np.random.Generator) -> Pixels:
    width, height = int(rng.integers(320, 720)), int(rng.integers(480, 1500))
    dark = rng.random() < 0.4
    paper, card, ink = (20, 40, 225) if dark else (242, 255, 40)
    picture = Image.new("RGB", (width, height), (paper,) * 3)
    draw = ImageDraw.Draw(picture)
    y = 12
    while y < height - 80:
        rows, size = int(rng.integers(1, 5)), float(rng.uniform(12, 34))
        pace = int(2.2 * size)
        draw.rounded_rectangle((10, y, width - 10, y + rows * pace + 10), 8, fill=(card,) * 3)
        for row in range(rows):
            top = y + 5 + row * pace + int(0.5 * size)
            draw.ellipse((20, top, 20 + size, top + size), fill=tuple(int(v) for v in rng.integers(60, 220, 3)))
            name = "".join(rng.choice(list("ABCDEFGHabcdefgh"), int(rng.integers(2, 12))))
            draw.text((30 + size, top), name, fill=(ink,) * 3, font=ImageFont.load_default(size))
            value = f"{rng.uniform(0, 200):.1f} kg"
            draw.text((width - 8 * size, top), value, fill=(ink,) * 3, font=ImageFont.load_default(size))
        y += rows * pace + 24
    pixels = np.asarray(picture, dtype=np.float32) + rng.normal(0, 2, (height, width, 1))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _tiles(screens: Sequence[Pixels], spec: FinderSpec) -> list[Array]:
    """All inputs that the screens make, in their order."""
    tiles: list[Array] = []

    def note(tile: Array) -> Array:
        tiles.append(tile)
        return np.zeros((1, tile.shape[2] // spec.stride, tile.shape[3] // spec.stride), dtype=np.float32)

    for screen in screens:
        find_map(prepare_screen(screen, spec), spec, note)
    return tiles


def _maps(folder: Path, runtime: Runtime, tiles: Sequence[Array]) -> list[Array]:
    return [out["map"] for out in runtime.run(folder / MODEL, [{"screens": tile} for tile in tiles])]


def _boxes(screens: Sequence[Pixels], spec: FinderSpec, maps: Sequence[Array]) -> list[list[Box]]:
    """The boxes of each screen, given the maps of all of their tiles."""
    left = iter(maps)
    return [
        find_boxes(find_map(prepare_screen(screen, spec), spec, lambda _: next(left)), screen, spec)
        for screen in screens
    ]


def moved(before: Sequence[Sequence[Box]], after: Sequence[Sequence[Box]]) -> float:
    """The share (0-1) of boxes that have no like among those of the same screen on the other side."""
    alone = total = 0
    for a, b in zip(before, after, strict=True):
        total += len(a) + len(b)
        alone += sum(not any(_same(box, other) for other in b) for box in a)
        alone += sum(not any(_same(box, other) for other in a) for box in b)
    return alone / total if total else 0.0


def _same(a: Box, b: Box) -> bool:
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(0, across) * max(0, down)
    return shared >= _SAME * (a.width * a.height + b.width * b.height - shared)


def _write(folder: Path, graph: Graph, weights: str) -> None:
    """Write the model again with weights of a kind, where they are worth it."""
    for shard in folder.glob("*.bin"):
        shard.unlink()
    kinds = {}
    for node in graph.constants:
        if node.array is None or node.array.dtype != np.float32 or weights == "float32":
            continue
        if weights == "uint8" and node.array.size >= _LEVELS_FROM:
            kinds[node.name] = "uint8"
        elif node.array.size >= _HALF_FROM:
            kinds[node.name] = "float16"
    write_model(folder, {MODEL: graph}, kinds)
