"""Reading ONNX files that nobody vouches for: everything is checked before anything is done with it."""

import struct
from collections import Counter
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # its stubs are a package of their own
from numpy.typing import NDArray
from onnx import numpy_helper

from linelet_common.digests import check_seal
from linelet_common.errors import ConversionError
from linelet_convert.roundings import leave_out

# protobuf itself ends here; weights beyond it lie in external files.
MAX_BYTES = 2**31 - 1
MIN_OPSET = 11
# Older ones, down to this, are brought to MIN_OPSET by onnx's own converter.
OLDEST_OPSET = 7

# What reading a tensor raises whose bytes are not what its header says.
_BROKEN = (
    ValueError,
    TypeError,
    KeyError,
    MemoryError,
    OverflowError,
    struct.error,
    AttributeError,
    RuntimeError,
)

_ELEMENTS: dict[int, str] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.DOUBLE: "float32",
    onnx.TensorProto.FLOAT16: "float32",
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.INT32: "int32",
    onnx.TensorProto.INT16: "int32",
    onnx.TensorProto.INT8: "int32",
    onnx.TensorProto.UINT8: "int32",
    onnx.TensorProto.UINT16: "int32",
    onnx.TensorProto.BOOL: "bool",
}


class OnnxFile:
    """A checked model: nodes in an order in which they can run, initializers as arrays, typed inputs and outputs.

    Raises ConversionError, naming file, value and remedy, for a file that is missing, too large, cut off, changed
    since it was exported or no ONNX; an
    opset outside 11 to the installed onnx's newest; external data outside the file's folder; weights that are NaN;
    names used twice; inputs that come from nowhere; cycles; and inputs or outputs without a type.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.proto = _parse(path)
        try:
            self._check()
        except UnicodeDecodeError as failure:
            raise ConversionError(
                f"{path} holds a string that is not UTF-8 ({failure.reason}); export again", place=path
            ) from None

    def _check(self) -> None:
        # What was changed before anything else looked at it; the reference runs the changed model then.
        self.notes: list[str] = []
        if self.proto.functions:
            self.proto = _inlined(self.proto, self.path)
        self.proto, old = _with_newer_opset(self.proto, self.path)
        if old:
            self.notes.append(f"brought from opset {old} to {MIN_OPSET}")
        for tensor in self.proto.graph.initializer:
            if tensor.data_location == onnx.TensorProto.EXTERNAL and tensor.data_type in _HALF:
                _load_external(tensor, self.path)
        if _to_float32(self.proto.graph, _HALF):
            self.notes.append("float16 widened to float32; --weights float16 stores it as small as before")
        # float64 inside a float32 network computes sizes, and stays.
        if any(i.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE for i in self.proto.graph.input):
            _to_float32(self.proto.graph, (onnx.TensorProto.DOUBLE,))
            self.notes.append("float64 narrowed to float32, which is all that TensorFlow.js has")
        graph = self.proto.graph
        self.opset = _opset(self.proto, self.path)
        self.initializers = self._read_initializers()
        self.roundings = leave_out(graph, self.initializers)
        if self.roundings:
            self.notes.append(f"{self.roundings} roundings to 8 bits while it runs are left out, their limits kept")
        self.inputs = [i for i in graph.input if i.name not in self.initializers]
        if not self.inputs or not graph.output:
            raise ConversionError(
                f"{self.path} has {len(self.inputs)} inputs and {len(graph.output)} outputs; export again",
                place=self.path,
            )
        self.nodes = self._ordered()
        for value in self.inputs:
            element_type(value, self.path)
            dimensions(value, self.path)
        self.metadata = {entry.key: entry.value for entry in self.proto.metadata_props}

    def _read_initializers(self) -> dict[str, NDArray[Any]]:
        if self.proto.graph.sparse_initializer:
            name = self.proto.graph.sparse_initializer[0].values.name
            raise ConversionError(
                f"{self.path}: initializer {name!r} is sparse; export it dense", value=name, place=self.path
            )
        arrays: dict[str, NDArray[Any]] = {}
        for tensor in self.proto.graph.initializer:
            if tensor.name in arrays:
                raise ConversionError(
                    f"{self.path} defines initializer {tensor.name!r} twice; export again",
                    value=tensor.name,
                    place=self.path,
                )
            arrays[tensor.name] = read_tensor(tensor, self.path)
        return arrays

    def _ordered(self) -> list[onnx.NodeProto]:
        """The nodes that the outputs need, sorted so that each comes after what it reads."""
        graph = self.proto.graph
        makers: dict[str, int] = {}
        for number, node in enumerate(graph.node):
            for name in node.output:
                if not name:
                    continue
                if name in makers or name in self.initializers or any(name == i.name for i in self.inputs):
                    raise ConversionError(
                        f"{self.path} defines the value {name!r} twice; export again", value=name, place=self.path
                    )
                makers[name] = number
        given = {i.name for i in self.inputs} | set(self.initializers)
        for output in graph.output:
            if output.name not in given and output.name not in makers:
                raise ConversionError(
                    f"{self.path}: nothing makes the output {output.name!r}; export again",
                    value=output.name,
                    place=self.path,
                )
        sorter: TopologicalSorter[int] = TopologicalSorter()
        waiting = [makers[o.name] for o in graph.output if o.name not in given]
        seen = set(waiting)
        while waiting:
            number = waiting.pop()
            before = self._makers_of_inputs(graph.node[number], makers, given)
            sorter.add(number, *before)
            waiting += [n for n in before if n not in seen]
            seen.update(before)
        try:
            return [graph.node[number] for number in _in_file_order(sorter)]
        except CycleError as failure:
            node = graph.node[failure.args[1][0]]
            raise ConversionError(
                f"{self.path}: {describe(node)} needs its own output (a cycle); export again", place=self.path
            ) from None

    def _makers_of_inputs(self, node: onnx.NodeProto, makers: dict[str, int], given: set[str]) -> list[int]:
        """The numbers of the nodes that make what a node reads, each once."""
        read = [name for name in dict.fromkeys(node_inputs(node)) if name and name not in given]
        for name in read:
            if name not in makers:
                raise ConversionError(
                    f"{self.path}: {describe(node)} reads {name!r}, which nothing makes; export again",
                    value=name,
                    place=self.path,
                )
        return list(dict.fromkeys(makers[name] for name in read))

    def needed(self, further: Sequence[str] = ()) -> Path | bytes:
        """What a reference runs: the file, or the model's bytes where it was changed or holds nodes nothing needs.

        further: names of values that the model is to put out besides its outputs.
        """
        if not further and not self.notes and len(self.nodes) == len(self.proto.graph.node):
            return self.path
        model = onnx.ModelProto()
        model.CopyFrom(self.proto)
        del model.graph.node[:]
        model.graph.node.extend(self.nodes)
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in further)
        return bytes(model.SerializeToString())

    @property
    def uses(self) -> Counter[str]:
        """How often each value is read, outputs of the graph included."""
        counts = Counter(o.name for o in self.proto.graph.output)
        for node in self.nodes:
            counts.update(node_inputs(node))
        return counts

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size


def _in_file_order(sorter: TopologicalSorter[int]) -> list[int]:
    """The numbers sorted topologically, the smallest first wherever there is a choice."""
    sorter.prepare()
    ready = list(sorter.get_ready())
    heapify(ready)
    order = []
    while ready:
        number = heappop(ready)
        order.append(number)
        sorter.done(number)
        for after in sorter.get_ready():
            heappush(ready, after)
    return order


def describe(node: onnx.NodeProto) -> str:
    """How messages name a node: operator and name, or what it makes where it has none."""
    operator = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
    if node.name:
        return f"{operator} node {node.name!r}"
    return f"{operator} node that makes {next(iter(node.output), '')!r}"


def node_inputs(node: onnx.NodeProto) -> list[str]:
    """What a node reads, the outer values that its subgraphs read included."""
    names = list(node.input)
    for attribute in node.attribute:
        for graph in [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else list(attribute.graphs):
            inner = {i.name for i in graph.input} | {i.name for i in graph.initializer}
            inner |= {o for n in graph.node for o in n.output}
            names += [i for n in graph.node for i in node_inputs(n) if i not in inner]
            names += [o.name for o in graph.output if o.name not in inner]
    return names


def element_type(value: onnx.ValueInfoProto, path: Path) -> str:
    """A tensor's type: float32, int64, int32 or bool. ConversionError if it has none or another."""
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.elem_type:
        raise ConversionError(
            f"{path}: input {value.name!r} has no tensor type; export again", value=value.name, place=path
        )
    try:
        return _ELEMENTS[value.type.tensor_type.elem_type]
    except KeyError:
        raise ConversionError(
            f"{path}: input {value.name!r} has element type {type_name(value.type.tensor_type.elem_type)}, which "
            "TensorFlow.js lacks; use float32",
            value=value.name,
            place=path,
        ) from None


def type_name(number: int) -> str:
    """What ONNX calls an element type: FLOAT8E4M3FN, or the number where it is none."""
    return str(onnx.TensorProto.DataType.Name(number)) if number in onnx.TensorProto.DataType.values() else str(number)


def integer_range(value: onnx.ValueInfoProto, low: int, high: int) -> tuple[int, int]:
    """The part of low..high that an integer input's type holds."""
    kind = np.iinfo(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
    return max(low, int(kind.min)), min(high, int(kind.max))


def dimensions(value: onnx.ValueInfoProto, path: Path) -> list[int | str]:
    """A tensor's lengths, a name or '' for each that is known at run time only. ConversionError without a shape."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        raise ConversionError(
            f"{path}: input {value.name!r} has no shape; export it with its axes", value=value.name, place=path
        )
    lengths: list[int | str] = []
    for axis, dim in enumerate(kind.shape.dim):
        if not dim.HasField("dim_value") or dim.dim_value == -1:
            lengths.append(dim.dim_param)
        elif not 1 <= dim.dim_value <= 2**24:
            raise ConversionError(
                f"{path}: axis {axis} of input {value.name!r} has length {dim.dim_value}; export again",
                value=value.name,
                place=path,
            )
        else:
            lengths.append(dim.dim_value)
    return lengths


def attribute_value(attribute: onnx.AttributeProto, path: Path) -> Any:
    """A node's attribute as a Python value: strings decoded, tensors as arrays."""
    if attribute.type == onnx.AttributeProto.TENSOR:
        return read_tensor(attribute.t, path)
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [v.decode("utf-8") for v in value]
    return value


def read_tensor(tensor: onnx.TensorProto, path: Path) -> NDArray[Any]:
    """An initializer or constant as an array; see OnnxFile for what is refused."""
    name = tensor.name or "without a name"
    if tensor.data_type == onnx.TensorProto.STRING:
        raise ConversionError(
            f"{path}: tensor {name!r} holds strings, which TensorFlow.js lacks; export again", value=name, place=path
        )
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        _load_external(tensor, path)
    try:
        # What the header promises must be there: numpy would otherwise reserve whatever it says.
        array = numpy_helper.to_array(tensor)
    except _BROKEN as failure:
        raise ConversionError(
            f"{path}: tensor {name!r} is broken ({failure}); export again", value=name, place=path
        ) from None
    if array.dtype.kind == "f" and np.isnan(array).any():
        count = int(np.isnan(array).sum())
        raise ConversionError(
            f"{path}: {count} of {array.size} numbers of tensor {name!r} are NaN; train or export again",
            value=name,
            place=path,
        )
    return array


def _load_external(tensor: onnx.TensorProto, path: Path) -> None:
    name = tensor.name
    entries = {e.key: e.value for e in tensor.external_data}
    folder = path.parent.resolve()
    location = entries.get("location", "")
    target = (folder / location).resolve()
    if not location or Path(location).is_absolute() or not target.is_relative_to(folder) or target == folder:
        raise ConversionError(
            f"{path}: weights of {name!r} lie in {location!r}, outside the model's folder; put them in it",
            value=name,
            place=path,
        )
    if not target.is_file():
        raise ConversionError(
            f"{path}: weights of {name!r} lie in {location!r}, which is missing; put it beside the model",
            value=name,
            place=path,
        )
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries.get("length", target.stat().st_size - offset))
    except ValueError:
        raise ConversionError(
            f"{path}: weights of {name!r} have a broken place in {location!r}; export again", value=name, place=path
        ) from None
    if offset < 0 or length < 0 or offset + length > target.stat().st_size:
        raise ConversionError(
            f"{path}: {location!r} is too short for the weights of {name!r}; copy it again", value=location, place=path
        )
    with target.open("rb") as file:
        file.seek(offset)
        tensor.raw_data = file.read(length)
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]


# What else people have under a name like an ONNX file's, by what it begins with.
_OTHERS = {
    b"version https://git-lfs": "a pointer of Git LFS, not the network itself ('git lfs pull' fetches that)",
    b"TFL3": "a network for LiteRT (.tflite)",
    b"PK\x03\x04": "a zip file, as PyTorch's .pt and Keras's are",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
}


def _parse(path: Path) -> onnx.ModelProto:
    if not path.exists():
        remedy = f"check the path, or write one with 'linelet export RUN --out {path.name}'"
        raise ConversionError(f"{path}: no such file; {remedy}", place=path)
    if not path.is_file():
        raise ConversionError(f"{path} is not a file; name an ONNX file", place=path)
    size = path.stat().st_size
    if not 0 < size <= MAX_BYTES:
        raise ConversionError(
            f"{path} has {size} bytes; an ONNX file has 1 to {MAX_BYTES}, larger weights lie beside it", place=path
        )
    content = path.read_bytes()
    check_seal(content, path, ConversionError)
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(content)
    except (DecodeError, UnicodeDecodeError) as failure:
        head = content[:200] + content[:200].lower()
        what = next((name for start, name in _OTHERS.items() if start in head), "")
        if what:
            raise ConversionError(f"{path} is {what}; name an ONNX file", place=path) from None
        raise ConversionError(f"{path} is cut off or no ONNX file ({failure}); export again", place=path) from None
    if model.ir_version > onnx.IR_VERSION:
        raise ConversionError(
            f"{path} has ONNX's IR version {model.ir_version}, the installed onnx knows {onnx.IR_VERSION} at most; "
            "install a newer onnx and onnxruntime, or export again with an older one",
            place=path,
        )
    if not model.HasField("graph") or not model.graph.output:
        raise ConversionError(f"{path} is cut off or no ONNX file (it has no graph); export again", place=path)
    return model


def _inlined(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """Functions of the model's own, put in the place of their calls."""
    from onnx import inliner

    try:
        return inliner.inline_local_functions(model)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as failure:
        reason = str(failure).splitlines()[0] if str(failure) else type(failure).__name__
        raise ConversionError(
            f"{path}: its functions cannot be inlined ({reason}); export without functions", place=path
        ) from None


def _with_newer_opset(model: onnx.ModelProto, path: Path) -> tuple[onnx.ModelProto, int | None]:
    """The model at MIN_OPSET where it is older, and the opset it had then."""
    version = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), MIN_OPSET)
    if not OLDEST_OPSET <= version < MIN_OPSET:
        return model, None
    from onnx import version_converter

    try:
        return version_converter.convert_version(model, MIN_OPSET), int(version)
    except (version_converter.ConvertError, RuntimeError, ValueError, TypeError, LookupError) as failure:
        reason = str(failure).splitlines()[0] if str(failure) else type(failure).__name__
        raise ConversionError(
            f"{path} has opset {version}, which onnx cannot raise to {MIN_OPSET} ({reason}); export with {MIN_OPSET}",
            place=path,
        ) from None


_HALF = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)


def _to_float32(graph: onnx.GraphProto, kinds: tuple[int, ...]) -> bool:
    """Turn other floats into float32, which TensorFlow.js has, in tensors, casts and types; whether any was."""
    found = False
    for tensor in graph.initializer:
        found |= _tensor_to_float32(tensor, kinds)
    for value in [*graph.input, *graph.output, *graph.value_info]:
        if value.type.tensor_type.elem_type in kinds:
            value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
            found = True
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                found |= _tensor_to_float32(attribute.t, kinds)
            elif attribute.type == onnx.AttributeProto.GRAPH:
                found |= _to_float32(attribute.g, kinds)
            elif attribute.name in ("to", "dtype", "stash_type", "output_dtype") and attribute.i in kinds:
                attribute.i = onnx.TensorProto.FLOAT
                found = True
    return found


def _tensor_to_float32(tensor: onnx.TensorProto, kinds: tuple[int, ...]) -> bool:
    if tensor.data_type not in kinds or tensor.data_location == onnx.TensorProto.EXTERNAL:
        return False
    try:
        array = numpy_helper.to_array(tensor).astype(np.float32)
    except _BROKEN:
        return False  # named when it is read
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return True


def _opset(model: onnx.ModelProto, path: Path) -> int:
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    newest = onnx.defs.onnx_opset_version()
    if not versions or not MIN_OPSET <= versions[0] <= newest:
        found = versions[0] if versions else "none"
        raise ConversionError(f"{path} has opset {found}; export it with opset {OLDEST_OPSET} to {newest}", place=path)
    return int(versions[0])
