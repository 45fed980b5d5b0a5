"""ONNX -> TensorFlow.js bundle, checked before it is there. See ``convert``."""

import hashlib
import json
import math
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from linelet_common import automata, sample
from linelet_common.codec import Reading
from linelet_common.digests import seal
from linelet_common.errors import ConversionError
from linelet_common.files import whole_folder
from linelet_common.spec import FILE_NAME, ONNX_KEY, ReaderSpec
from linelet_convert import assets, drift, quantise
from linelet_convert.choices import Reference, choices
from linelet_convert.drift import Drift
from linelet_convert.emit import emit, safe_name
from linelet_convert.feeds import make_feeds
from linelet_convert.finder import FinderReport, convert_finder
from linelet_convert.graphs import emit_graph, emit_reader
from linelet_convert.onnx_tf import convert_via
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.quantise import Adapted, Harm, Kinds, Wish
from linelet_convert.rounding import round_network
from linelet_convert.runtimes import (
    Feeds,
    MissingKernelError,
    NodeRuntime,
    NumpyRuntime,
    OnnxRuntime,
    Runtime,
    find_node,
)
from linelet_convert.tfgraph import Array, Graph, Shape, static
from linelet_convert.tfjs import write_model
from linelet_convert.tflite import UNCHECKED, Lite, add_tflite
from linelet_convert.third_party import Hints, third_party_spec
from linelet_convert.values import SIMPLIFICATIONS
from linelet_convert.verify import Check, batched, check_choices, check_graph, check_reader

MODEL = "model.json"
ONNX = "model.onnx"
REPORT = "conversion.json"
RUNTIME = "tfjs"  # the folder in a bundle that holds TensorFlow.js

# What smaller weights may cost: one line in two hundred.
TOLERANCE = 0.005

# By so many times the inputs that every tensor is tried out on a bare graph's weights may be rounded: those once only.
_LEARNED = 3

_NOTHING_LARGE = "no tensor is large enough to be worth smaller numbers"
Judged = TypeVar("Judged", Harm, Drift)


@dataclass(frozen=True)
class Storage:
    """How weights are to be stored, judged on which dataset, at what cost at most (a share, 0-1).

    "auto" wants the smallest that cost nothing. hints: how pictures become a bare graph's input. tflite: the widths at
    which they are stored for LiteRT too.
    """

    weights: Wish
    data: Path | None
    tolerance: float
    hints: Hints
    tflite: tuple[int, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a conversion did; written as conversion.json.

    models: file by width (0: any width). operators: TensorFlow.js operators in use. weights: how weights are stored,
    numbers by kind. bytes: of models and shards. check: of the graph with float32 weights. harm: of smaller weights.
    why: what decided on the weights. finder: the finder of lines that was put beside the reader. tflite: the networks
    for LiteRT. notes: what a person should know.
    """

    source: str
    sha256: str
    opset: int
    onnx_operators: dict[str, int]
    via: Literal["direct", "onnx-tf"]
    models: dict[int, str]
    operators: list[str]
    nodes: int
    weights: dict[str, int]
    bytes: int
    batch: int | Literal["any"]
    bare: bool
    check: Check
    harm: Harm | Drift | None
    why: str
    finder: FinderReport | None
    tflite: list[Lite]
    notes: list[str]

    def to_json(self) -> str:
        """Pretty JSON."""
        data: dict[str, Any] = {"format": "linelet-conversion", "version": 1, **asdict(self)}
        return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def convert(
    onnx_path: str | Path,
    out: str | Path,
    weights: Wish = "auto",
    *,
    spec: ReaderSpec | None = None,
    widths: Sequence[int] = (),
    hints: Hints | None = None,
    bare: bool = False,
    data: Path | None = None,
    tolerance: float | None = None,
    keep_onnx: bool = False,
    via_python: Path | None = None,
    finder: Path | None = None,
    tflite: Sequence[int] = (),
    simplifications: frozenset[str] = SIMPLIFICATIONS,
) -> Report:
    """Convert an ONNX file to a bundle folder and check it against ONNX Runtime.

    spec: what the network reads, where the file has no spec of Linelet's in its metadata; hints: what is said about a
    network without either. Where nobody names a charset, or with ``bare``, the bundle is a bare graph model.
    widths: the only input widths wanted, in pixels; recurrent networks need one or several.
    weights: how they are stored; "auto" takes the smallest that change no text and no band of confidence on the lines
    they are judged on, or, of a bare graph, move no box and no output noticeably.
    data: a dataset on all of whose lines the texts must be equal, and on which smaller weights are judged (synthetic
    lines or screens without); tolerance: the share (0-1) of exact lines that they may lose, or of texts that they may
    change where there are no labels (TOLERANCE), or by which a bare graph's outputs may move (drift.TOLERANCE).
    keep_onnx: put the ONNX files into the bundle too. via_python: the Python of onnx-tf's environment, to convert with
    onnx-tf and tensorflowjs_converter instead. finder: the ONNX file of a finder of lines, for screens. tflite: the
    widths at which the network is written for LiteRT too.

    The options are many because the command's are, and each has a default. They stay keywords, not fields of an object:
    most calls give none or one, and a caller would have to import and name the object to say the same.

    Raises ConversionError for whatever cannot be converted exactly, and UsageError if ``out`` holds something else; in
    both cases nothing is left behind.
    """
    file = OnnxFile(Path(onnx_path))
    hints = hints or Hints()
    spec, notes = (None, []) if bare else _find_spec(file, spec, hints, widths)
    if spec is None:
        graphs = {0: emit_graph(file, widths, simplifications, hints.height)}
    else:
        spec, graphs = emit_reader(file, spec, widths, simplifications)
    _refuse(file, spec, weights, via_python, tflite)
    allowed = (drift.TOLERANCE if spec is None else TOLERANCE) if tolerance is None else tolerance
    notes = [*notes, *(f"the file: {note}" for note in file.notes), *_without_roundings(file, graphs, hints)]
    with whole_folder(Path(out), inputs=[p for p in (file.path, data, finder, hints.dictionary) if p]) as folder:
        storage = Storage(weights, data, allowed, hints, tuple(tflite))
        report = _write(file, spec, graphs, folder, notes, storage, via_python)
        if finder and spec is not None:
            report = replace(report, finder=_add_finder(finder, folder, keep_onnx))
        if spec is not None:
            assets.settle(folder)
        (folder / REPORT).write_text(report.to_json(), encoding="utf-8")
        if keep_onnx:
            (folder / ONNX).write_bytes(seal(file.proto.SerializeToString()))  # external weights included
        return report


def _refuse(
    file: OnnxFile, spec: ReaderSpec | None, weights: Wish, via_python: Path | None, tflite: Sequence[int]
) -> None:
    """ConversionError for options that the network, or the way of converting it, cannot follow."""
    for width in tflite:
        _refuse_width(file, spec, width)
    if weights in ("float16", "uint8") and via_python:
        raise ConversionError(
            f"{file.path}: onnx-tf writes float32 weights only; leave out --weights or --via", place=file.path
        )


def _refuse_width(file: OnnxFile, spec: ReaderSpec | None, width: int) -> None:
    """ConversionError where no network for LiteRT can be written at a width."""
    if spec is None:
        raise ConversionError(
            f"{file.path} becomes a bare graph, and .tflite is for readers; name the characters, or leave out --tflite",
            place=file.path,
        )
    if width < spec.stride or (spec.widths and width not in spec.widths):
        taken = ", ".join(map(str, spec.widths)) or f"{spec.stride} pixels and more"
        raise ConversionError(
            f"{file.path} takes no lines of width {width}, but {taken}; name one of them with --tflite",
            value=width,
            place=file.path,
        )


def _add_finder(finder: Path, folder: Path, keep_onnx: bool) -> FinderReport:
    """Put a finder beside the reader, and its ONNX file where that is asked for."""
    report = convert_finder(finder, folder, choose_runtime(folder / RUNTIME))
    if keep_onnx:
        shutil.copyfile(finder, folder / assets.FINDER / ONNX)
    return report


def _find_spec(
    file: OnnxFile, spec: ReaderSpec | None, hints: Hints, widths: Sequence[int]
) -> tuple[ReaderSpec | None, list[str]]:
    """The spec given, the file's own or one made of hints, and notes on it; None where nobody names a charset."""
    whose = "is given a spec" if spec else "carries its own spec"
    spec = spec or embedded_spec(file)
    if spec and (named := hints.given()):
        raise ConversionError(f"{file.path} {whose}; leave out {', '.join(named)}", place=file.path)
    entries = None if spec else hints.entries(file)
    return (spec, []) if entries is None else third_party_spec(file, hints, entries, widths)


def _without_roundings(file: OnnxFile, graphs: dict[int, Graph], hints: Hints) -> list[str]:
    """A note on how far the outputs move where roundings are left out. ConversionError if they become others."""
    if not file.roundings:
        return []
    tried = drift.trial(file, _input_shapes(file, graphs[max(graphs)]), hints, None)
    given, left = OnnxRuntime(file, as_given=True), OnnxRuntime(file)
    moved = drift.measure(tried, [given.run(f) for f in tried.feeds], [left.run(f) for f in tried.feeds])
    if moved.loss > drift.ROUNDED:
        raise ConversionError(
            f"{file.path}: without its roundings to 8 bits {moved}; convert the network as it was before quantisation",
            place=file.path,
        )
    return [f"without its roundings to 8 bits {moved}, against ONNX Runtime's with them"]


def embedded_spec(file: OnnxFile) -> ReaderSpec | None:
    """The reader spec in the file's metadata, if Linelet exported it."""
    text = file.metadata.get(ONNX_KEY)
    return None if text is None else ReaderSpec.from_json(text, f"metadata {ONNX_KEY!r} of {file.path}")


def _sample(file: OnnxFile) -> bytes | None:
    """The sample picture in the file's metadata, a PNG, if Linelet exported one."""
    text = file.metadata.get(sample.ONNX_KEY)
    return None if text is None else sample.sample_from_text(text, f"metadata {sample.ONNX_KEY!r} of {file.path}")


def _write(
    file: OnnxFile,
    spec: ReaderSpec | None,
    graphs: dict[int, Graph],
    folder: Path,
    notes: list[str],
    storage: Storage,
    via_python: Path | None,
) -> Report:
    widest = max(graphs)
    models = {width: f"model-{width}.json" if width else MODEL for width in graphs}
    # Whatever knows TensorFlow.js but not Linelet finds the network under its usual name too.
    named = {name: graphs[width] for width, name in models.items()} | {MODEL: graphs[widest]}
    shards = (
        write_model(folder, named, {}) if via_python is None else _write_via(file, spec, graphs, folder, via_python)
    )
    kinds: Kinds = {}
    harm: Harm | Drift | None = None
    why = _why_whole(storage, via_python)
    if spec is None:
        bare = _check_bare(file, graphs[0], folder / MODEL)
        check, runtime = bare.check, bare.runtime
        if bare.reference:
            notes = [*notes, _followed(len(bare.reference.choices))]
        if not why:
            kinds, harm, why = _shrink_bare(file, bare, storage)
    else:
        notes = [*notes, *_add_reader(file, spec, folder)]
        runtime = choose_runtime(folder / RUNTIME)
        check = check_reader(file, spec, {w: folder / m for w, m in models.items()}, runtime, storage.data)
        if not why:
            kinds, harm, why = _shrink(file, spec, graphs[widest], storage, runtime)
            notes = [*notes, *_doubts(harm)]
    if kinds:
        for shard in shards:
            (folder / shard).unlink()
        shards = write_model(folder, named, kinds)
    lite = add_tflite(folder, file, spec, kinds, models, runtime, storage.tflite) if spec else []
    written = json.loads((folder / MODEL).read_text(encoding="utf-8"))
    topology = written["modelTopology"]
    return Report(
        source=file.path.name,
        sha256=hashlib.sha256(file.path.read_bytes()).hexdigest(),
        opset=file.opset,
        onnx_operators=dict(sorted(Counter(n.op_type for n in file.nodes).items())),
        models=models,
        via="direct" if via_python is None else "onnx-tf",
        operators=sorted({node["op"] for node in topology["node"]}),
        nodes=len(topology["node"]),
        weights=_stored(written),
        bytes=sum((folder / name).stat().st_size for name in [*named, *shards]),
        batch=_batch(graphs[widest]),
        bare=spec is None,
        check=check,
        harm=harm,
        why=why,
        finder=None,
        tflite=lite,
        notes=[*notes, *_not_run(check, lite)],
    )


def _not_run(check: Check, lite: list[Lite]) -> list[str]:
    """Notes on what was written for runtimes that are not installed here."""
    notes = [UNCHECKED] if any(written.check is None for written in lite) else []
    if check.by == NumpyRuntime.name:
        notes.append("without Node, TensorFlow.js itself was not run; install Node 20 and convert again to be sure")
    return notes


def _add_reader(file: OnnxFile, spec: ReaderSpec, folder: Path) -> list[str]:
    """Put beside the network what reads with it: spec, automata, JavaScript, page, sample. Returns notes."""
    (folder / FILE_NAME).write_text(spec.to_json(), encoding="utf-8")
    (folder / automata.FILE_NAME).write_text(automata.automata_json(spec), encoding="utf-8")
    missing = assets.install(folder)
    assets.add_sample(folder, _sample(file), spec.charset)
    return [missing] if missing else []


def _write_via(
    file: OnnxFile, spec: ReaderSpec | None, graphs: dict[int, Graph], folder: Path, python: Path
) -> list[str]:
    """The model by onnx-tf and tensorflowjs_converter, under the names that ours has."""
    if len(graphs) > 1:
        raise ConversionError(
            f"{file.path}: onnx-tf converts one width at a time, not {sorted(graphs)}; name one with --width",
            place=file.path,
        )
    (width,) = graphs
    names = {v.name: safe_name(v.name) for v in [*file.inputs, *file.proto.graph.output]}
    if spec is not None:
        names = {file.inputs[0].name: "images", file.proto.graph.output[0].name: "scores"}
    shards = convert_via(file, python, width, folder, names)
    if width:
        shutil.copyfile(folder / MODEL, folder / f"model-{width}.json")
    return shards


def _why_whole(storage: Storage, via_python: Path | None) -> str:
    """Why weights stay float32 without a trial; empty where smaller ones are to be tried."""
    if storage.weights == "float32":
        return "asked for"
    return "onnx-tf writes no smaller ones" if via_python else ""


def _followed(count: int) -> str:
    nodes = "1 node chooses" if count == 1 else f"{count} nodes choose"
    return (
        f"{nodes} among numbers as good as equal: checked was what they are, how good the choice is, and what comes of "
        "ONNX Runtime's"
    )


def _doubts(harm: Harm | None) -> list[str]:
    """A note where the lines that smaller weights were judged on say little."""
    if harm is None or harm.exact_before is None or harm.exact_before >= 0.5:
        return []
    share = f"{harm.exact_before:.0%} of the lines of {harm.judged_on}"
    return [f"with float32 weights the reader reads {share}; they say little about smaller weights"]


def _stored(model: dict[str, Any]) -> dict[str, int]:
    """Numbers (not tensors) by the kind in which they are storage."""
    counts: Counter[str] = Counter()
    for weight in model["weightsManifest"][0]["weights"]:
        kind = weight.get("quantization", {}).get("dtype", weight["dtype"])
        counts[kind] += math.prod(weight["shape"])
    return dict(sorted(counts.items()))


def _shrink(
    file: OnnxFile, spec: ReaderSpec, graph: Graph, storage: Storage, runtime: Runtime
) -> tuple[Kinds, Harm | None, str]:
    """How to store each constant, as small as the texts bear, what it did to them, and why so."""
    spec = spec.model_copy(update={"widths": spec.widths[-1:]})
    lines = quantise.sample(spec, storage.data)
    batches = batched(lines.images, spec)
    ordered = [images for images, _ in batches]
    with tempfile.TemporaryDirectory(prefix="linelet-") as scratch:

        def write(kinds: Kinds) -> Path:
            write_model(Path(scratch), {MODEL: graph}, kinds)
            return Path(scratch) / MODEL

        def read(kinds: Kinds) -> list[Reading]:
            outputs = runtime.run(write(kinds), [{"images": b} for b in ordered])
            readings = quantise.readings([o["scores"] for o in outputs], spec)
            places = [i for _, indices in batches for i in indices]
            return [readings[k] for k in np.argsort(places)]

        def try_out(kinds: Kinds) -> list[Array]:
            return quantise.probabilities(write(kinds), ordered[:3], spec)

        def adapt(names: set[str]) -> Adapted:
            return round_network(write({}), names, [{"images": batch} for batch in quantise.spread(ordered)])

        before = read({})
        ways = quantise.choose(graph.constants, storage.weights, try_out, adapt)
        kinds, harm, borne = _smallest(ways, lambda kinds: quantise.measure(before, read(kinds), lines), storage)
    if harm is None:
        return {}, None, _NOTHING_LARGE
    if storage.weights == "auto":
        if not borne:
            return {}, None, f"even float16 weights {quantise.said(harm)}"
        return kinds, harm, f"the smallest weights that {quantise.harmless(harm)}"
    quantise.refuse(harm, storage.tolerance, storage.weights, file.path)
    return kinds, harm, "asked for"


def _smallest(
    ways: Iterable[Kinds], judge: Callable[[Kinds], Judged], storage: Storage
) -> tuple[Kinds, Judged | None, bool]:
    """The first of the ways to store constants whose harm is borne, else the last; its harm, and whether it is borne.

    "auto" bears nothing that anybody would notice, other weights what the tolerance allows.
    """
    kinds: Kinds = {}
    harm: Judged | None = None
    for kinds in ways:
        harm = judge(kinds)
        if harm.harmless if storage.weights == "auto" else harm.loss <= storage.tolerance:
            return kinds, harm, True
    return kinds, harm, False


def _shrink_bare(file: OnnxFile, bare: "_Bare", storage: Storage) -> tuple[Kinds, Drift | None, str]:
    """How to store each constant, as small as the outputs bear, how far it moved them, and why so."""
    graph, runtime = bare.graph, bare.runtime
    tried = drift.trial(file, _input_shapes(file, graph), storage.hints, storage.data)
    feeds, small = ([bare.feed(f) for f in given] for given in (tried.feeds, tried.small))
    learned = quantise.spread(feeds) if drift.bearable(quantise.spread(tried.feeds), _LEARNED) else small
    with tempfile.TemporaryDirectory(prefix="linelet-") as scratch:

        def write(kinds: Kinds) -> Path:
            write_model(Path(scratch), {MODEL: graph}, kinds)
            return Path(scratch) / MODEL

        def try_out(kinds: Kinds) -> list[Array]:
            outputs = NumpyRuntime().run(write(kinds), small)
            return [array.astype(np.float32) for output in outputs for array in output.values()]

        def adapt(names: set[str]) -> Adapted:
            return round_network(write({}), names, learned)

        before = runtime.run(write({}), feeds)
        tries = (try_out, adapt) if small else (None, None)
        ways = quantise.choose(graph.constants, storage.weights, *tries)

        def judge(kinds: Kinds) -> Drift:
            return drift.measure(tried, before, runtime.run(write(kinds), feeds))

        kinds, harm, borne = _smallest(ways, judge, storage)
    if harm is None:
        return {}, None, _NOTHING_LARGE
    if storage.weights == "auto":
        if not borne:
            return {}, None, f"with float16 weights already {harm}"
        return kinds, harm, f"the smallest weights that do nothing noticeable: {harm}"
    drift.refuse(harm, storage.tolerance, storage.weights, file.path)
    return kinds, harm, "asked for"


def _input_shapes(file: OnnxFile, graph: Graph) -> dict[str, Shape]:
    """The shapes of a graph's inputs, by the file's names."""
    return {given.name: tensor.shape for given, tensor in zip(file.inputs, graph.inputs.values(), strict=False)}


def _batch(graph: Graph) -> int | Literal["any"]:
    """The batch that the inputs take."""
    shapes = [t.shape for t in graph.inputs.values() if t.rank]
    fixed = {int(s[0, 0]) for s in shapes if static(s[:, :1])}
    return "any" if not shapes or not fixed or len(fixed) > 1 else fixed.pop()


def choose_runtime(modules: Path) -> Runtime:
    """Real TensorFlow.js where Node and a folder of its modules are there, else the numpy interpreter."""
    node = find_node()
    if node and (modules / "core.js").exists():
        return NodeRuntime(node, modules)
    return NumpyRuntime()


@dataclass(frozen=True)
class _Bare:
    """A bare graph's check, what ran it, and the graph compared, which follows the reference where there is one."""

    check: Check
    runtime: Runtime
    graph: Graph
    reference: Reference | None

    def feed(self, feeds: Feeds) -> Feeds:
        """Inputs by the file's names as the graph takes them."""
        given = self.reference.run(feeds)[0] if self.reference else {}
        return {safe_name(name): array for name, array in feeds.items()} | given


def _check_bare(file: OnnxFile, graph: Graph, model: Path) -> _Bare:
    """The check of a bare graph."""
    feeds = make_feeds(file, _input_shapes(file, graph), OnnxRuntime(file))
    runtime = choose_runtime(assets.RUNTIME)
    try:
        return _check_by(file, graph, model, feeds, runtime)
    except MissingKernelError:
        # The page's TensorFlow.js has what recognisers need; a bare graph is for whoever brings all of it.
        return _check_by(file, graph, model, feeds, NumpyRuntime())


def _check_by(file: OnnxFile, graph: Graph, model: Path, feeds: list[Feeds], runtime: Runtime) -> _Bare:
    names = {v.name: safe_name(v.name) for v in [*file.inputs, *file.proto.graph.output]}
    try:
        return _Bare(check_graph(file, feeds, names, model, runtime), runtime, graph, None)
    except MissingKernelError:
        raise
    except ConversionError:
        made = choices(file)
        if not made:
            raise
    # Rounding may have chosen otherwise: the parts before and behind the choices must be right all the same.
    following = emit(file, _input_shapes(file, graph), follow=made)
    reference = Reference(file, following, made)
    with tempfile.TemporaryDirectory(prefix="linelet-") as scratch:
        write_model(Path(scratch), {MODEL: following}, {})
        check = check_choices(file, feeds, names, Path(scratch) / MODEL, runtime, reference)
    return _Bare(check, runtime, following, reference)
