"""An evaluation of screens as one HTML file that needs no other: a picture of every mistake, kind by kind."""

import html
from collections import Counter

import numpy as np
from PIL import Image

from linelet_common.preprocess import Pixels
from linelet_common.screens import ScreenDataset
from linelet_read.report import marked, page, picture
from linelet_read.screen_evaluation import Mistake, ScreenEvaluation, ScreenMistake

# What each kind means, the gravest first.
_KINDS: dict[Mistake, str] = {
    "wrong value": "Values that are not what the screen says",
    "invented": "Texts where there are none",
    "misread": "Lines read as another text",
    "not found": "Lines without a box",
    "no value": "Values not given",
}
_MOST = 200  # of a kind: more make the page slow to open; the JSON has all
_AROUND = 1.5  # heights of a line that are shown around it
_HIGHEST = 240  # pixels of a picture


def write_screen_report(evaluation: ScreenEvaluation, dataset: ScreenDataset, title: str) -> str:
    """The report's HTML. The dataset is the one that was evaluated."""
    figures = {
        f"{evaluation.screens_right}": f"screens without any mistake, of {evaluation.screens}",
        f"{100 * evaluation.exact_share:.2f} %": f"of {evaluation.readable} lines of the charset read exactly",
        f"{100 * evaluation.recall:.2f} %": f"of {evaluation.lines} lines found",
        f"{evaluation.fields_right}": f"of {evaluation.fields} values right, {evaluation.fields_wrong} wrong",
        f"{evaluation.invented}": f"texts invented, {evaluation.invented_surely} at a confidence over 0.9",
    }
    counts = Counter(m.kind for m in evaluation.mistakes)
    shown = {kind: [m for m in evaluation.mistakes if m.kind == kind][:_MOST] for kind in _KINDS}
    pictures = _pictures(dataset, [m for mistakes in shown.values() for m in mistakes])
    body = ""
    for kind, meaning in _KINDS.items():
        if counts[kind]:
            count = f"{counts[kind]}" if counts[kind] <= _MOST else f"{_MOST} of {counts[kind]}"
            cards = "".join(_card(dataset, m, pictures.get(m)) for m in shown[kind])
            body += f'<h2>{meaning}: {count}</h2><div class="mistakes">{cards}</div>'
    return page(title, figures, body or "<p>No mistakes.</p>")


def _pictures(dataset: ScreenDataset, mistakes: list[ScreenMistake]) -> dict[ScreenMistake, Pixels]:
    """A piece of the screen around each mistake's box; each screen is opened once."""
    cut: dict[ScreenMistake, Pixels] = {}
    for number in sorted({m.screen for m in mistakes}):
        screen = dataset.image(number)
        for m in mistakes:
            if m.screen == number and m.box is not None:
                x, y, width, height = m.box
                margin = round(_AROUND * height)
                piece = screen[max(0, y - margin) : y + height + margin, max(0, x - margin) : x + width + margin]
                if piece.size:
                    shrink = -(-len(piece) // _HIGHEST)
                    cut[m] = np.asarray(Image.fromarray(np.ascontiguousarray(piece)).reduce(shrink))
    return cut


def _card(dataset: ScreenDataset, m: ScreenMistake, piece: Pixels | None) -> str:
    truth, read = marked(m.truth or "", m.read or "")
    if m.read is None:
        said = html.escape(m.truth or "")
    elif m.truth is None:
        said = html.escape(m.read)
    else:
        said = f"{truth} <small>read as</small> {read or '<i>nothing</i>'}"
    sure = "" if m.confidence is None else f"confidence {m.confidence:.3f}, "
    shown = "" if piece is None else picture(piece)
    name = html.escape(dataset.name(m.screen))
    return f"<figure>{shown}<figcaption>{said}<br><small>{sure}{name}</small></figcaption></figure>"
