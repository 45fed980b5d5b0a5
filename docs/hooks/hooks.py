"""What MkDocs does besides: pages of files elsewhere in the repository, and the reference, generated from the code."""

import re
from typing import Any

import pages
import reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# Pages that sessions of nox write; a clone may lack them.
WRITTEN = ("faults.md",)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take written pages into the navigation where they are."""
    assert config.nav is not None
    (project,) = (entry["Project"] for entry in config.nav if "Project" in entry)
    project += [name for name in WRITTEN if (pages.ROOT / "docs" / name).exists() and name not in project]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not under docs/: documents and examples as they are, and the reference."""
    for source in pages.INCLUDED:
        place = pages.ELSEWHERE[source]
        if place.endswith(".md"):
            files.append(File.generated(config, place, content=pages.load(source)))
        else:
            files.append(File.generated(config, place, abs_src_path=str(pages.ROOT / source)))
    for place, content in reference.pages().items():
        files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Put in what a page of docs/ includes, and turn its links into the site's."""
    if page.file.generated_by is not None:
        return markdown
    return pages.expanded(pages.relinked(markdown, f"docs/{page.file.src_uri}", page.file.src_uri), page.file.src_uri)


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Say the language of the Chinese pages, by which browsers choose fonts and voices."""
    if page.file.src_uri.startswith("zh/"):
        return re.sub(r'<html lang="\w+"', '<html lang="zh-Hans"', output, count=1)
    return output
