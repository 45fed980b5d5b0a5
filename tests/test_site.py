"""The built site: its links lead somewhere, and nothing is loaded from another host; `nox -s docs`."""

import html.parser
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.docs


class Links(html.parser.HTMLParser):
    """A page's ids, the addresses it links to, and those it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.linked: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        for key in ("id", "name"):
            if found.get(key):
                self.ids.add(str(found[key]))
        if found.get("href"):
            (self.linked if tag in ("a", "link") and found.get("rel") != "stylesheet" else self.loaded).add(
                str(found["href"])
            )
        if found.get("src"):
            self.loaded.add(str(found["src"]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site that LINELET_SITE names, or one built here."""
    if named := os.environ.get("LINELET_SITE"):
        return Path(named)
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, check=True)
    return folder


@pytest.fixture(scope="module")
def built(site: Path) -> dict[Path, Links]:
    found = {path.resolve(): Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert len(found) > 40
    return found


def test_every_link_within_the_site_leads_to_a_file_and_a_heading(built: dict[Path, Links], site: Path) -> None:
    broken = []
    for path, links in built.items():
        for address in links.linked | links.loaded:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            # The page of what isn't found stands anywhere: its addresses begin at the root.
            start = site if parts.path.startswith("/") else path.parent
            target = (start / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (parts.fragment and target in built and parts.fragment not in built[target].ids):
                broken.append(f"{path.relative_to(site.resolve())}: {address}")
    # __ is written by the theme for scripts only: these ids are made when the page runs.
    assert [entry for entry in broken if "#__" not in entry] == []


def test_external_links_have_the_form_of_addresses(built: dict[Path, Links]) -> None:
    form = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?(/[^\s]*)?|mailto:[^@\s]+@[^@\s]+|data:.*")
    wrong = {a for links in built.values() for a in links.linked if urlsplit(a).scheme and not form.fullmatch(a)}
    assert wrong == set()


def test_pages_load_nothing_from_another_host(built: dict[Path, Links]) -> None:
    foreign = {a for links in built.values() for a in links.loaded if urlsplit(a).netloc}
    assert foreign == set()


def test_the_chinese_pages_say_their_language(site: Path) -> None:
    for page in (site / "zh").glob("*.html"):
        assert '<html lang="zh-Hans"' in page.read_text(encoding="utf-8")


def test_the_reference_holds_every_verb_and_key(site: Path) -> None:
    from linelet_common.cli import installed_verbs
    from linelet_synth.recipe import Recipe

    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert all(f'id="{verb}"' in commands for verb in installed_verbs())
    recipe = (site / "reference" / "recipe.html").read_text(encoding="utf-8")
    assert all(f"<code>{key}</code>" in recipe for key in Recipe.model_fields)
