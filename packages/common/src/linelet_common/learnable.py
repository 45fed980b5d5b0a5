"""Which samples a reader cannot learn from, and why."""

from collections.abc import Iterable

from linelet_common.codec import frames_needed
from linelet_common.errors import ImageError, describe_characters
from linelet_common.lines import LineDataset
from linelet_common.preprocess import Pixels, line_width
from linelet_common.spec import ReaderSpec


def label_problem(label: str, place: str, spec: ReaderSpec) -> str | None:
    """Why a reader cannot learn a label: characters that its charset lacks. None if it can."""
    missing = spec.codec.missing(label)
    if not missing:
        return None
    return (
        f"{place}: {label!r} contains {describe_characters(missing)}, not in the charset "
        f"({len(spec.charset)} characters); add it to the recipe's charset or drop the line"
    )


def sample_problem(image: Pixels, label: str, place: str, spec: ReaderSpec) -> str | None:
    """Why a reader cannot learn a sample: an unknown character, or a label longer than the picture has frames for."""
    problem = label_problem(label, place, spec)
    if problem:
        return problem
    try:
        width = line_width(image.shape[0], image.shape[1], spec)
    except ImageError as failure:
        return f"{place}: {failure}"
    frames = spec.frames(spec.padded_width(width))
    needed = frames_needed(spec.codec.seen(label))
    if needed > frames:
        return f"{place}: {label!r} needs {needed} frames, its picture gives {frames}; widen the picture or drop it"
    return None


class Labels:
    """The labels of a dataset's pictures: one that has two different ones is wrong whatever is read."""

    def __init__(self, dataset: LineDataset) -> None:
        self._dataset = dataset
        self._first: dict[str, int] = {}

    def problem(self, i: int) -> str | None:
        """Why label i cannot be right beside those looked at before; None if it can."""
        dataset, name = self._dataset, self._dataset.name(i)
        first = self._first.setdefault(name, i)
        if dataset.label(first) == dataset.label(i):
            return None
        return (
            f"{dataset.place(i)} says {dataset.label(i)!r} of {name}, {dataset.place(first)} says "
            f"{dataset.label(first)!r}; keep the one that is right"
        )


def problems(dataset: LineDataset, spec: ReaderSpec) -> Iterable[tuple[int, str]]:
    """Every sample (number, reason) that a reader of this spec cannot learn from, unreadable pictures included."""
    for i in range(len(dataset)):
        try:
            problem = sample_problem(dataset.image(i), dataset.label(i), dataset.place(i), spec)
        except ImageError as failure:
            problem = f"{dataset.place(i)}: {failure}"
        if problem:
            yield i, problem
