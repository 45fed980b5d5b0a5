"""An evaluation as one HTML file: figures, breakdowns, and every mistake with its picture."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from linelet_common.lines import LineDataset
from linelet_read.evaluation import Evaluation

# A page with more pictures than this is slow to open; the JSON has all mistakes.
_MOST = 500

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: .5rem 0 1.5rem } th, td { padding: .25rem .8rem; text-align: left }
th { border-bottom: 1px solid #999 } td { border-bottom: 1px solid #ddd } img { max-height: 48px; max-width: 24rem }
ins { background: #fdd; text-decoration: none }
"""


def write_report(evaluation: Evaluation, dataset: LineDataset, title: str) -> str:
    """The report's HTML; it needs no other file. The dataset is the one that was evaluated."""
    low, high = evaluation.cer_interval()
    mistakes = evaluation.mistakes()
    rows = [
        {
            "picture": _picture(dataset, line.index),
            "label": html.escape(line.label),
            "read as": f"<ins>{html.escape(line.reading.text)}</ins>",
            "confidence": f"{line.reading.confidence:.3f}",
            "file": html.escape(line.name),
        }
        for line in mistakes[:_MOST]
    ]
    confusions = [
        {"label": html.escape(a) or "(nothing)", "read": html.escape(b) or "(nothing)", "times": str(n)}
        for a, b, n in evaluation.confusions()[:20]
    ]
    breakdowns = "\n".join(
        f"<h2>By {name}</h2>{_table(_percent(name, rows))}" for name, rows in evaluation.breakdowns().items()
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
<h1>{html.escape(title)}</h1>
<p>{len(evaluation.lines)} lines, <b>{100 * evaluation.exact:.2f} %</b> exact, CER <b>{100 * evaluation.cer:.3f} %</b>
(95 % interval {100 * low:.3f} to {100 * high:.3f}), mean CER per line {100 * evaluation.cer_per_line:.3f} %.</p>
{breakdowns}
<h2>What is taken for what</h2>{_table(confusions)}
<h2>Mistakes, worst first ({min(len(mistakes), _MOST)} of {len(mistakes)})</h2>{_table(rows)}
</html>
"""


def _percent(name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [
        {name: html.escape(row["value"]), "lines": str(row["lines"]), "exact": f"{100 * row['exact']:.1f} %"}
        for row in rows
    ]


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return "<p>none</p>"
    head = "".join(f"<th>{key}</th>" for key in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row.values()) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _picture(dataset: LineDataset, index: int) -> str:
    buffer = io.BytesIO()
    Image.fromarray(dataset.image(index)).save(buffer, "PNG")
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
