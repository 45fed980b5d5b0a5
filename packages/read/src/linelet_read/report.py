"""An evaluation as one HTML file that needs no other: mistakes with their pictures first, then curves and bars."""

import base64
import difflib
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from linelet_common.lines import LineDataset
from linelet_common.preprocess import Pixels
from linelet_read.evaluation import Evaluation, Line, Reliability

# A page with more pictures than this is slow to open; the JSON has all mistakes.
_MOST = 500
_CONFUSIONS = 20

_STYLE = """
:root { color-scheme: light dark;
  --ink: #222; --pale: #666; --rule: #ddd; --bar: #3b82c4; --bad: #c0392b; --paper: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --pale: #a0a0a0; --rule: #444; --bar: #5aa2e0; --bad: #ff8a7a; --paper: #1b1b1d }
}
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; color: var(--ink);
  background: var(--paper) }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1rem 0 2rem }
.figures div { color: var(--pale) } .figures b { display: block; font-size: 1.7rem; color: var(--ink) }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .8rem }
figure { margin: 0; border: 1px solid var(--rule); border-radius: 6px; padding: .6rem; break-inside: avoid }
figure img { height: 48px; max-width: 100%; object-fit: contain; object-position: left; display: block }
figcaption { font-size: .95rem; overflow-wrap: anywhere } small { color: var(--pale) }
mark { background: none; color: var(--bad); font-weight: 700; text-decoration: underline }
table { border-collapse: collapse; margin: .5rem 0 1.5rem } th, td { padding: .15rem .8rem .15rem 0; text-align: left }
th { font-weight: 400; color: var(--pale) } td img { height: 28px; max-width: 12rem; vertical-align: middle }
.bar { display: inline-block; height: .8em; background: var(--bar); vertical-align: middle; print-color-adjust: exact }
.track { display: inline-block; width: 14rem; background: var(--rule); print-color-adjust: exact; line-height: 0 }
svg text { font: 12px system-ui, sans-serif; fill: var(--pale) }
@media print { body { margin: 0; max-width: none } h2 { break-after: avoid } }
"""


def write_report(evaluation: Evaluation, dataset: LineDataset, title: str) -> str:
    """The report's HTML. The dataset is the one that was evaluated."""
    low, high = evaluation.cer_interval()
    unknown = len(evaluation.lines) - len(evaluation.without_unknown())
    mistakes = evaluation.mistakes()
    shown = "".join(_mistake(dataset, line) for line in mistakes[:_MOST])
    count = f"{len(mistakes)}" if len(mistakes) <= _MOST else f"the worst {_MOST} of {len(mistakes)}"
    figures = {
        f"{100 * evaluation.exact:.2f} %": f"exact, of {len(evaluation.lines)} lines",
        f"{100 * evaluation.cer:.3f} %": f"CER (95 % interval {100 * low:.3f} to {100 * high:.3f})",
        f"{100 * evaluation.cer_per_line:.3f} %": "mean CER per line",
        f"{100 * evaluation.calibration_error():.2f} %": "expected calibration error",
    }
    breakdowns = "".join(
        f"<h2>By {name}</h2>{_bars(rows)}" for name, rows in evaluation.breakdowns().items() if name != "confidence"
    )
    return page(
        title,
        figures,
        f"""<h2>Mistakes, worst first: {count}</h2>
<div class="mistakes">{shown or "<p>none</p>"}</div>
<h2>Substituted, missed and added characters</h2>{_confusions(evaluation, dataset)}
<h2>Confidence</h2>
<p>Lines by their confidence, and how many of them are exact; for a calibrated reader the points lie on the line. Left
out are the {unknown} readings with a character that the reader doesn't know.</p>
{_curve(evaluation.reliability())}{_reliability(evaluation.reliability())}
{breakdowns}
""",
    )


def page(title: str, figures: Mapping[str, str], body: str) -> str:
    """An HTML page of its own. figures: what stands large on top, and what it means; body: HTML."""
    head = "".join(f"<div><b>{value}</b>{meaning}</div>" for value, meaning in figures.items())
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="generator" content="Linelet"><title>{html.escape(title)}</title>
<style>{_STYLE}</style>
<h1>{html.escape(title)}</h1>
<div class="figures">{head}</div>
{body}
</html>
"""


def _mistake(dataset: LineDataset, line: Line) -> str:
    label, read = marked(line.label, line.reading.text)
    return (
        f"<figure>{_picture(dataset, line.index)}<figcaption>{label or '<i>nothing</i>'} <small>read as</small> "
        f"{read or '<i>nothing</i>'}<br>"
        f"<small>confidence {line.reading.confidence:.3f}, {html.escape(line.name)}</small>"
        "</figcaption></figure>"
    )


def marked(label: str, read: str) -> tuple[str, str]:
    """Both texts as HTML, what differs marked."""
    left, right = [], []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, label, read, autojunk=False).get_opcodes():
        old, new = html.escape(label[a:b]), html.escape(read[c:d])
        left.append(old if kind == "equal" or not old else f"<mark>{old}</mark>")
        right.append(new if kind == "equal" or not new else f"<mark>{new}</mark>")
    return "".join(left), "".join(right)


def _confusions(evaluation: Evaluation, dataset: LineDataset) -> str:
    """The commonest ones as bars, each with a picture of a line in which it happened."""
    rows = evaluation.confusions()[:_CONFUSIONS]
    if not rows:
        return "<p>none</p>"
    most = rows[0][2]
    examples = evaluation.examples()
    body = "".join(
        f"<tr><td>{html.escape(a) or '<i>nothing</i>'}</td><td>{html.escape(b) or '<i>nothing</i>'}</td>"
        f'<td><span class="bar" style="width:{14 * n / most:.2f}rem"></span> {n}</td>'
        f"<td>{_picture(dataset, examples[a, b].index)}</td></tr>"
        for a, b, n in rows
    )
    return f"<table><tr><th>label</th><th>read</th><th>times</th><th>for example</th></tr>{body}</table>"


def _bars(rows: Sequence[Mapping[str, Any]]) -> str:
    """The share of exact lines of each group as a bar."""
    body = "".join(
        f"<tr><td>{html.escape(row['value'])}</td><td>{_bar(row['exact'])}</td>"
        f"<td>{100 * row['exact']:.1f} %</td><td><small>{row['lines']} lines</small></td></tr>"
        for row in rows
    )
    return f"<table>{body}</table>"


def _bar(share: float) -> str:
    return f'<span class="track"><span class="bar" style="width:{100 * share:.2f}%"></span></span>'


def _reliability(rows: Sequence[Reliability]) -> str:
    body = "".join(
        f"<tr><td>{row.band}</td><td>{row.lines}</td><td>{row.confidence:.3f}</td><td>{100 * row.exact:.2f} %</td></tr>"
        for row in rows
    )
    return f"<table><tr><th>confidence</th><th>lines</th><th>mean</th><th>exact</th></tr>{body}</table>"


def _curve(rows: Sequence[Reliability]) -> str:
    """Confidence against the share of exact lines, as SVG; the larger a point, the more lines."""
    size, edge, top = 220, 34, 16
    total = max(sum(row.lines for row in rows), 1)
    points = "".join(
        f'<circle cx="{edge + size * row.confidence:.1f}" cy="{top + size * (1 - row.exact):.1f}" '
        f'r="{3 + 9 * (row.lines / total) ** 0.5:.1f}" fill="var(--bar)" fill-opacity=".8">'
        f"<title>{row.band}: {row.lines} lines, {100 * row.exact:.2f} % exact</title></circle>"
        for row in rows
    )
    marks = "".join(
        f'<text x="{edge - 6}" y="{top + 4 + size * (1 - v):.0f}" text-anchor="end">{v:g}</text>'
        f'<text x="{edge + size * v:.0f}" y="{top + size + 18}" text-anchor="middle">{v:g}</text>'
        for v in (0, 0.5, 1)
    )
    return (
        f'<svg width="{size + edge + 20}" height="{top + size + 40}" role="img" aria-label="reliability curve">'
        f'<rect x="{edge}" y="{top}" width="{size}" height="{size}" fill="none" stroke="var(--rule)"/>'
        f'<path d="M{edge} {top + size}L{edge + size} {top}" stroke="var(--pale)" stroke-dasharray="4"/>{points}{marks}'
        f'<text x="{edge + size / 2:.0f}" y="{top + size + 34}" text-anchor="middle">'
        "confidence; upwards: share exact</text>"
        "</svg>"
    )


def _picture(dataset: LineDataset, index: int) -> str:
    return picture(dataset.image(index))


def picture(pixels: Pixels) -> str:
    """An <img> that holds its picture. pixels: uint8 (H, W) or RGB (H, W, 3)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
