"""Transforms of albumentations named in a recipe, with their arguments.

albumentations only warns of an argument it does not know and goes on without it; here that is an error.
"""

import difflib
import inspect
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from linelet_common.errors import RecipeError
from linelet_common.preprocess import Pixels
from linelet_synth.line import Box, Line
from linelet_synth.recipe import Transform


class Transforms:
    """The transforms of a recipe, in order. RecipeError for what the installed albumentations lacks or would ignore."""

    def __init__(self, transforms: Sequence[Transform], rgb: bool) -> None:
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its newest version
        import albumentations

        built = [build(t, f"transforms.{k}") for k, t in enumerate(transforms)]
        self._moves = any(isinstance(t, albumentations.DualTransform) for t in built)
        self._pipeline = albumentations.Compose(built)
        try:
            tried = self._run(np.full((32, 96, 3) if rgb else (32, 96), 128, dtype=np.uint8), 0)["image"]
        except Exception as failure:  # whatever a transform raises, it cannot be used on lines
            kind = "colour" if rgb else "grey"
            reason = str(failure).splitlines()[0]
            raise RecipeError(f"transforms fail on a {kind} line: {reason}; change or remove them") from None
        if tried.dtype != np.uint8 or tried.ndim != (3 if rgb else 2) or not tried.size:
            raise RecipeError(f"transforms make lines {tried.dtype} {tried.shape}; they must stay uint8 pictures")

    def _run(self, picture: Pixels, seed: int, **targets: Pixels) -> dict[str, Any]:
        self._pipeline.set_random_seed(seed)
        changed: dict[str, Any] = self._pipeline(image=np.ascontiguousarray(picture), **targets)
        return changed

    def apply(self, line: Line, seed: int) -> None:
        """Transform a line's picture; the seed decides what is random in it. Its boxes follow when asked for."""
        before = line.picture
        line.picture = np.asarray(self._run(before, seed)["image"])
        if self._moves:
            line.moved = lambda boxes: self._move(before, seed, boxes)

    def _move(self, before: Pixels, seed: int, boxes: list[Box]) -> list[Box]:
        """Where the same transformation takes boxes; those that leave the picture become empty.

        Each is painted onto a mask that goes along: every transform that moves pixels moves a mask's, while some lose
        or round the points and boxes that they are given.
        """
        moved = []
        for box in boxes:
            mask = np.zeros(before.shape[:2], dtype=np.uint8)
            x, y, right, bottom = (round(v) for v in (box.x, box.y, box.x + box.width, box.y + box.height))
            mask[max(0, y) : max(0, bottom), max(0, x) : max(0, right)] = 1
            rows, columns = np.nonzero(self._run(before, seed, mask=mask)["mask"])
            if len(rows):
                left, top = int(columns.min()), int(rows.min())
                moved.append(Box(left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top))
            else:
                moved.append(Box(0.0, 0.0, 0.0, 0.0))
        return moved


def build(transform: Transform, where: str) -> Any:
    """The transform itself. RecipeError for an unknown name or argument, or a value that it does not take."""
    import albumentations

    kind: Any = getattr(albumentations, transform.name, None)
    if not (inspect.isclass(kind) and issubclass(kind, albumentations.BasicTransform)):
        names = [n for n, v in vars(albumentations).items() if inspect.isclass(v)]
        near = difflib.get_close_matches(transform.name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "see albumentations' list of transforms"
        raise RecipeError(
            f"{where}: albumentations {albumentations.__version__} has no {transform.name!r}; {hint}",
            value=transform.name,
            place=where,
        )
    known = [name for name in inspect.signature(kind.__init__).parameters if name not in ("self", "p")]
    for argument in transform.arguments:
        if argument not in known:
            near = difflib.get_close_matches(argument, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it knows {', '.join(known) or 'none'}"
            raise RecipeError(
                f"{where}: {transform.name} of albumentations {albumentations.__version__} ignores {argument!r}; "
                f"{hint}",
                value=argument,
                place=where,
            )
    # TOML has lists where albumentations wants pairs.
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in transform.arguments.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            made: Any = kind(**{"p": transform.p, **arguments})
            return made
        except Exception as failure:
            reason = " ".join(str(failure).split())[:200]
            raise RecipeError(
                f"{where}: {transform.name} refuses {transform.arguments}: {reason}; correct them", place=where
            ) from None
