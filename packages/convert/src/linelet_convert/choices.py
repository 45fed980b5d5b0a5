"""Choices that rounding may decide: which of many numbers are the largest, where several are as good as equal.

Of a detector's three hundred best boxes most are noise, whose scores differ in the last digit only. Which of two comes
first depends on the order of a sum, and one exchanged pair moves whole rows of the outputs. So a network that chooses
can be checked in parts: what it chooses among, how good what it chose is, and what comes of the reference's choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import Feeds, OnnxRuntime
from linelet_convert.tfgraph import Array, Graph


@dataclass(frozen=True)
class Choice:
    """A node that chooses. number: of the choice; among, picked: the values it reads and the indices it makes.

    place: which output the indices are; kept: whether the axis chosen along remains, one long.
    """

    number: int
    outputs: tuple[str, ...]
    among: str
    picked: str
    place: int
    axis: int
    kept: bool

    @property
    def given(self) -> str:
        """The input of a graph that follows the reference: the indices to take."""
        return f"choice_{self.number}"

    @property
    def told(self) -> tuple[str, str]:
        """The outputs of such a graph: what the node chooses among, and what it would choose by itself."""
        return f"among_{self.number}", f"own_{self.number}"


def choices(file: OnnxFile) -> list[Choice]:
    """The nodes of a file that choose among computed numbers, and whose indices something reads."""
    found: list[Choice] = []
    outer = {i.name for i in file.inputs} | set(file.initializers)
    for node in file.nodes:
        place = {"ArgMax": 0, "ArgMin": 0, "TopK": 1}.get(node.op_type)
        if place is None or node.domain not in ("", "ai.onnx") or node.input[0] in outer:
            continue
        if len(node.output) <= place or not file.uses[node.output[place]]:
            continue  # the best numbers themselves are the same, whichever of two equals comes first
        settings = {a.name: a.i for a in node.attribute if a.type == onnx.AttributeProto.INT}
        axis, kept = settings.get("axis", -1 if place else 0), bool(settings.get("keepdims", 1)) or bool(place)
        found.append(Choice(len(found), tuple(node.output), node.input[0], node.output[place], place, axis, kept))
    return found


class Reference:
    """ONNX Runtime with what its nodes choose among and what they pick as further outputs."""

    def __init__(self, file: OnnxFile, graph: Graph, made: Sequence[Choice]) -> None:
        # What is known before the network runs is chosen at conversion.
        self.choices = [choice for choice in made if choice.given in graph.inputs]
        self._outputs = [o.name for o in file.proto.graph.output]
        further = dict.fromkeys(name for c in self.choices for name in (c.among, c.picked))
        self._runtime = OnnxRuntime(file, further=[name for name in further if name not in self._outputs])

    def run(self, feeds: Feeds) -> tuple[Feeds, dict[str, Array]]:
        """The choices, as inputs of the graph that follows them, and what that is to give besides its outputs."""
        results = self._runtime.run(feeds)
        given: Feeds = {}
        wanted = {name: results[name] for name in self._outputs}
        for choice in self.choices:
            given[choice.given] = picked = results[choice.picked]
            among = results[choice.among]
            places = picked if choice.kept else np.expand_dims(picked, choice.axis)
            wanted |= dict(zip(choice.told, (among, np.take_along_axis(among, places, choice.axis)), strict=True))
        return given, wanted
