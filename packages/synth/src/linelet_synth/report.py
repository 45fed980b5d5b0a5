"""A recipe's lines as one HTML page: contact sheets by look, histograms, character frequencies, fonts."""

import base64
import html
from collections import Counter
from pathlib import Path

import numpy as np

from linelet_common.files import output_file
from linelet_synth.check import check
from linelet_synth.colours import contrast
from linelet_synth.preview import draw_sheet
from linelet_synth.recipe import LOOKS
from linelet_synth.source import Source

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1240px; padding: 0 1rem; color: #222; }
img { max-width: 100%; border: 1px solid #ddd; } table { border-collapse: collapse; font-size: 14px; }
td, th { padding: 2px 10px; border-bottom: 1px solid #ddd; text-align: left; } svg text { font-size: 11px; }
.charts { display: flex; flex-wrap: wrap; gap: 2rem; } figure { margin: 0; } figcaption { font-weight: 600; }
"""


def write_report(source: Source, count: int, out: Path) -> None:
    """Draw ``count`` lines of the source and write the page."""
    lines = list(source.lines(range(count)))
    faces = [face for family in source.families.values() for face in family]
    parts = [f"<h1>{html.escape(source.name)}</h1>", _summary(source, count)]
    for look in LOOKS:
        of_look = [line for line in lines if line.look == look]
        if of_look:
            png = base64.b64encode(draw_sheet([(line.picture, line.text) for line in of_look[:80]], faces)).decode()
            parts.append(f"<h2>{look}, {len(of_look)} lines</h2><img alt='{look}' src='data:image/png;base64,{png}'>")
    charts = [
        _histogram("WCAG contrast of text and background", [contrast(line.background, line.colour) for line in lines]),
        _histogram("picture height, pixels", [line.picture.shape[0] for line in lines]),
        _histogram("picture width, pixels", [line.picture.shape[1] for line in lines]),
        _histogram("characters per line", [len(line.text) for line in lines]),
    ]
    parts.append(f"<h2>Statistics</h2><div class='charts'>{''.join(charts)}</div>")
    styles = Counter(style for line in lines for style in line.styles)
    if styles:
        rows = "".join(f"<tr><td>{name}</td><td>{n / count:.1%}</td></tr>" for name, n in styles.most_common())
        parts.append(f"<h2>Styles</h2><table><tr><th>style</th><th>share of lines</th></tr>{rows}</table>")
    characters = Counter(c for line in lines for c in set(line.text))
    rows = "".join(
        f"<tr><td>{html.escape(c)}</td><td>U+{ord(c):04X}</td><td>{characters[c] / count:.2%}</td></tr>"
        for c in sorted(source.charset, key=lambda c: characters[c])
    )
    parts.append(
        f"<h2>Characters, rarest first</h2><table><tr><th></th><th></th><th>share of lines</th></tr>{rows}</table>"
    )
    parts.append(_fonts(source))
    body = "\n".join(parts)
    head = "<!doctype html><html lang='en'><meta charset='utf-8'>"
    head += f'<meta name="generator" content="Linelet"><title>{html.escape(source.name)}</title>'
    with output_file(out) as file:
        file.write(f"{head}<style>{_STYLE}</style>\n{body}\n</html>\n".encode())


def _summary(source: Source, count: int) -> str:
    findings = check(source.recipe)
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in findings.notes)
    return (
        f"<p>{count} lines, seed {source.seed}; {findings.characters} characters, {findings.faces} faces for all, "
        f"{findings.companions} companions.</p><ul>{notes}</ul>"
    )


def _fonts(source: Source) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(face.name)}</td><td>{kind}</td><td>{face.weights[0]}-{face.weights[1]}</td><td></td></tr>"
        for kind, faces in (("whole charset", source.faces), ("companion", source.companions))
        for face in faces
    )
    rows += "".join(
        f"<tr><td>{html.escape(Path(r.place).name)}</td><td>not used</td><td></td><td>{html.escape(r.reason)}</td></tr>"
        for r in source.rejected
    )
    return f"<h2>Fonts</h2><table><tr><th>face</th><th>use</th><th>weights</th><th>why not</th></tr>{rows}</table>"


def _histogram(title: str, values: list[float] | list[int]) -> str:
    """An SVG of twenty bars up to the 99th percentile."""
    top = float(np.percentile(values, 99))
    counts, edges = np.histogram(np.minimum(values, top), bins=20)
    scale = 100 / int(counts.max())
    bars = "".join(
        f"<rect x='{10 + 14 * k}' y='{110 - n * scale:.1f}' width='12' height='{n * scale:.1f}' fill='#4477aa'>"
        f"<title>{edges[k]:.1f}-{edges[k + 1]:.1f}: {n}</title></rect>"
        for k, n in enumerate(counts.tolist())
    )
    ends = f"<text x='10' y='125'>{edges[0]:.1f}</text><text x='290' y='125' text-anchor='end'>{edges[-1]:.1f}</text>"
    return f"<figure><figcaption>{title}</figcaption><svg width='300' height='130'>{bars}{ends}</svg></figure>"
