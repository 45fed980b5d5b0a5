"""The pages' sources: what they include from elsewhere in the repository, and where links lead on the site.

A line ``<!-- include: FILE -->`` stands for a file, ``<!-- include: FILE # HEADING -->`` for what stands under one
heading of a Markdown file: what is said somewhere already is not said again. ``# HEADING, opening`` ends at the next
heading of any level, ``# HEADING, code`` is the code of the first fence there. Links are written as the repository has
its files, so that they work there too; on the site they lead to the pages made of these files.
"""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READER = "packages/convert/src/linelet_convert/web/reader"

# Files outside docs/ that are pages, or files beside them: where they stand on the site.
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "packages/common/README.md": "packages/common.md",
    "packages/synth/README.md": "packages/synth.md",
    "packages/read/README.md": "packages/read.md",
    "packages/model/README.md": "packages/model.md",
    "packages/convert/README.md": "packages/convert.md",
    "packages/convert/OPERATORS.md": "reference/operators.md",
    "packages/convert/BACKEND.md": "reference/backend.md",
    f"{READER}/README.md": "packages/javascript.md",
    "examples/kaggle.ipynb": "files/kaggle.ipynb",
    "examples/own-app/screenshot.png": "files/screenshot.png",
}
# docs/index.md includes most of README.md, which thus is no page of its own.
INCLUDED = [source for source in ELSEWHERE if source not in ("README.md", "packages/convert/OPERATORS.md")]

_INCLUDE = re.compile(r"^<!-- include: (\S+?)(?: # (.+))? -->$", re.MULTILINE)
_FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")


def site_path(source: str) -> str:
    """Where a file of the repository stands on the site: ``docs/limits.md`` -> ``limits.md``. KeyError if nowhere."""
    if source in ELSEWHERE:
        return ELSEWHERE[source]
    if source.startswith("docs/"):
        return source.removeprefix("docs/")
    raise KeyError(source)


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """Markdown with its parts outside of fenced code changed."""
    return "".join(part if part.startswith("```") else change(part) for part in _FENCE.split(text))


def relinked(text: str, source: str, page: str) -> str:
    """Markdown of the repository's file ``source`` with its links as the site's page ``page`` needs them."""
    folder = posixpath.dirname(source)

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, match[2]))
        try:
            there = site_path(target)
        except KeyError:
            raise ValueError(f"{source} links to {match[2]}, which is not on the site; add it to ELSEWHERE") from None
        return match[1] + posixpath.relpath(there, posixpath.dirname(page) or ".") + match[3]

    return outside_fences(text, lambda part: _LINK.sub(link, part))


def section(text: str, heading: str, source: str) -> str:
    """What stands under a heading of a Markdown file, up to the next one of its level or above."""
    lines, level, found = text.splitlines(keepends=True), 0, []
    whole = not heading.endswith(", opening")
    heading = heading.removesuffix(", opening")
    fenced = False
    for line in lines:
        fenced ^= line.startswith("```")
        hashes = len(line) - len(line.lstrip("#")) if not fenced else 0
        if level and hashes and (hashes <= level or not whole):
            break
        if level:
            found.append(line)
        elif hashes and line.lstrip("#").strip() == heading:
            level = hashes
    if not level:
        raise ValueError(f"{source} has no heading {heading!r}; a page includes what stands under it")
    return "".join(found).strip("\n")


def expanded(text: str, page: str) -> str:
    """Markdown of ``page`` with what it includes in place, the links of that included."""

    def include(match: re.Match[str]) -> str:
        source, heading = match[1], match[2]
        content = (ROOT / source).read_text(encoding="utf-8")
        if heading and heading.endswith(", code"):
            fence = _FENCE.search(section(content, heading.removesuffix(", code"), source))
            content = fence[1].partition("\n")[2].removesuffix("```") if fence else ""
        elif source.endswith(".md"):
            content = relinked(section(content, heading, source) if heading else content, source, page)
        return content.rstrip("\n")

    return _INCLUDE.sub(include, text)


def load(source: str) -> str:
    """A page's Markdown as the site shows it; source: its file in the repository."""
    page = site_path(source)
    return expanded(relinked((ROOT / source).read_text(encoding="utf-8"), source, page), page)
