"""Every command and snippet of the documentation runs, in the order of its page; `nox -s docs`.

A page is run as its reader would follow it, in a folder of its own in which the repository lies as in a clone. Counts
of lines are smaller here and trainings are two epochs: commands and snippets are the page's else. What a page shows of
a command's output must come out; figures are compared where they don't depend on the machine or on a training.

Blocks: ``console`` lines behind ``$`` are typed; ``python`` is run; whatever has a title is written to that file.
Comments ``<!-- test: ... -->`` say what the page's reader has or does besides:

- ``given NAME ...``: files of the fixture `whole`, or of the repository
- ``npm NAME ...``: npm install, `linelet` being this repository's
- ``browser FILE [file PICTURE] shows "TEXT"``: a page of the folder in Chromium, which in the end shows a text
- ``extension FOLDER FILE [file PICTURE] shows "TEXT"``: the same for an extension's page
- ``a transcript``: the next block shows what another command prints; its commands are run, its output is not compared
"""

import argparse
import hashlib
import http.server
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pages
import pytest
import tomli_w

from linelet_common.cli import Parser, installed_verbs
from linelet_common.errors import LineletError
from linelet_convert.assets import READER
from linelet_synth.recipe import parse_recipe

ROOT = Path(__file__).parents[1]
PAGES = sorted(f"docs/{path.relative_to(ROOT / 'docs')}" for path in (ROOT / "docs").rglob("*.md"))
DOCUMENTS = [*PAGES, *(source for source in pages.ELSEWHERE if source.endswith(".md"))]

# What needs a bare machine, a person or a cluster. Sessions of their own run these: demo, tests, build, ray.
ELSEWHERE = re.compile(
    r"python3 -m venv|\. \.venv|(\.venv/bin/)?pip install|npm install|unzip|(\.nox/demo/bin/)?linelet serve"
    r"|export RAY_ADDRESS|linelet synth .* --engine ray"
)
# Figures of these depend on the machine.
MEASURED = re.compile(r"linelet (convert|train|evaluate|export|compare)")
# Several pages begin with it: it is run once, and its folder copied then.
REPEATED = re.compile(r"linelet convert health-app --out (\S+)")
LINES, SCREENS, EPOCHS = 300, 12, 2
SECONDS = 1800  # for one block; a busy machine is slow

_DIRECTIVE = re.compile(r"<!-- test: ([^\n]*) -->")
_BLOCK = re.compile(r'```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_PART = re.compile(f"{_DIRECTIVE.pattern}|{_BLOCK.pattern}", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Typed:
    """A command of a console block, and what the page shows of its output."""

    command: str
    shown: list[str]


@dataclass(frozen=True)
class Part:
    """A directive, or a block of code."""

    directive: str = ""
    language: str = ""
    title: str = ""
    code: str = ""


def parts_of(markdown: str) -> list[Part]:
    return [
        Part(directive, language or "", title or "", code or "")
        for directive, language, title, code in (match.groups(default="") for match in _PART.finditer(markdown))
    ]


def commands_of(code: str) -> list[Typed]:
    """The commands of a console block: the lines behind ``$``, or all where no line has one."""
    lines = code.splitlines()
    if not any(line.startswith("$ ") for line in lines):
        return [Typed(line, []) for line in lines]
    found: list[Typed] = []
    for line in lines:
        if line.startswith("$ "):
            found.append(Typed(line.removeprefix("$ "), []))
        else:
            found[-1].shown.append(line)
    return found


def smaller(command: str) -> str:
    """The command with fewer lines and two epochs instead of minutes."""
    most = SCREENS if "--screens" in command else LINES
    command = re.sub(r"--count (\d+)", lambda match: f"--count {min(int(match[1]), most)}", command)
    return re.sub(r"--minutes [\d.]+", f"--epochs {EPOCHS}", command)


def comes_out(shown: list[str], printed: str, exact: bool) -> str | None:
    """The first line shown that was not printed behind the one before it; ``...`` stands for anything."""
    lines = iter([line.strip() for line in printed.splitlines()])
    for line in shown:
        if line.strip() in ("", "..."):
            continue
        wanted = line.strip() if exact else _NUMBER.sub("#", line.strip())
        pattern = re.compile(".*".join(re.escape(piece) for piece in wanted.split("...")))
        if not any(pattern.fullmatch(there if exact else _NUMBER.sub("#", there)) for there in lines):
            return line
    return None


@dataclass
class Desk:
    """Where a page is followed: the shell's folder, and what runs in the background."""

    folder: Path
    kept: Path  # what the first of the repeated commands made, and printed
    started: list[int] = field(default_factory=list)

    def run(self, script: str) -> str:
        """Run a script of bash's in the folder; it may leave processes behind. Returns what it printed."""
        log = self.folder.with_suffix(".log") if self.folder.suffix else self.folder / ".log"
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        with log.open("wb") as output:
            shell = subprocess.Popen(
                ["bash", "-c", script], cwd=self.folder, env=environment, stdout=output, stderr=output,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            self.started.append(shell.pid)
            shell.wait(SECONDS)
        printed = log.read_text(encoding="utf-8")
        log.unlink()
        return printed

    def end(self) -> None:
        """End what is left of the scripts."""
        for group in self.started:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def desk(tmp_path: Path, kept: Path) -> Iterator[Desk]:
    for name in ("docs", "examples", "packages", "benchmarks", "constraints.txt"):
        (tmp_path / name).symlink_to(ROOT / name)
    made = Desk(tmp_path, kept)
    yield made
    made.end()


# --- what blocks mean


def once(desk: Desk, command: str) -> str:
    """The command, or for a repeated one a script that runs it the first time only."""
    match = REPEATED.fullmatch(command)
    if not match:
        return command
    out, made, said = match[1], shlex.quote(str(desk.kept / "made")), shlex.quote(str(desk.kept / "said"))
    make = f"{command} >{said} 2>&1 && cp -r {out} {made}"
    copy = f"mkdir -p $(dirname {out}) && cp -r {made} {out}"
    return f"if [ -e {made} ]; then {copy}; else {make}; fi; code=$?; cat {said}; (exit $code)"


def type_in(desk: Desk, part: Part, compared: bool) -> None:
    """Type the commands of a console block, in one shell whose folder stays for the next block."""
    typed = [entry for entry in commands_of(part.code) if not ELSEWHERE.match(entry.command)]
    script = "".join(
        f"echo '[{i}]'; {once(desk, smaller(t.command))}\necho \"[done $?]\"\n" for i, t in enumerate(typed)
    )
    printed = desk.run(f'{script}echo "[folder $PWD]"\n')
    outputs = re.findall(r"^\[\d+\]\n(.*?)\[done (\d+)\]$", printed, re.MULTILINE | re.DOTALL)
    assert len(outputs) == len(typed), printed
    for entry, (output, code) in zip(typed, outputs, strict=True):
        refused = any(re.match(r"linelet \w+: ", line) for line in entry.shown)
        assert code == ("2" if refused else "0"), f"$ {smaller(entry.command)}\n{output}"
        if compared:
            exact = smaller(entry.command) == entry.command and not MEASURED.match(entry.command)
            missed = comes_out(entry.shown, output, exact)
            assert missed is None, f"$ {entry.command}\ndid not print\n{missed}\nbut\n{output}"
    desk.folder = Path(re.findall(r"^\[folder (.*)\]$", printed, re.MULTILINE)[-1])


def run_python(desk: Desk, code: str) -> None:
    (desk.folder / ".snippet.py").write_text(code, encoding="utf-8")
    printed = desk.run('python .snippet.py; echo "[done $?]"')
    assert printed.endswith("[done 0]\n"), printed


def check_recipe_part(code: str, base: str) -> None:
    """A piece of a recipe: with the rest of one around it, every key is known and every value allowed."""
    whole = tomllib.loads(base) | tomllib.loads(code)
    parse_recipe(tomli_w.dumps(whole).encode(), "the page's recipe", ROOT)


BASE = """
name = "app"
charset = "0123456789.,kgLoadWeiht"
[[texts]]
forms = ["{0..150:.1f}kg"]
"""


def give(desk: Desk, names: list[str], fixture: Callable[[str], Any]) -> None:
    """Put what the page's reader is said to have into the folder. fixture: gives the fixture of a name."""
    for name in names:
        if (ROOT / name).exists():
            source = ROOT / name
        elif name == "scale.toml":
            source = fixture("scale")
        else:
            whole = fixture("whole")
            made = {path.name: path for path in (whole.lines, whole.unseen, whole.run, whole.onnx, whole.bundle)}
            source = (made | {"corrections": whole.unseen})[name]
        target = desk.folder / ("linelet-corrections" if name == "corrections" else source.name)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)


def npm_install(desk: Desk, names: list[str]) -> None:
    npm = shutil.which("npm")
    assert npm, "the documentation's tests need Node 20 or newer"
    wanted = [str(READER) if name == "linelet" else name for name in names]
    (desk.folder / "package.json").write_text('{ "private": true, "type": "module" }', encoding="utf-8")
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--install-links"]
    script = f'{shlex.join([npm, "install", *quiet, *wanted])} && npm rebuild esbuild; echo "[done $?]"'
    printed = desk.run(script)
    assert printed.endswith("[done 0]\n"), printed


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def shows(page: Any, address: str, picture: Path | None, text: str) -> None:
    """Open a page, give it a picture where it asks for one, and wait until it shows a text."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    if picture:
        page.wait_for_selector("input[type=file]:enabled", timeout=120_000)
        page.wait_for_timeout(1000)  # a module may still be loading what listens to the input
        page.set_input_files("input[type=file]", picture)
    try:
        page.wait_for_function("text => document.body.innerText.includes(text)", arg=text, timeout=180_000)
    except Exception as failure:
        shown = page.inner_text("body")
        raise AssertionError(f"{address} shows {shown!r}, not {text!r}; {problems}") from failure
    assert problems == []


def chromium_path() -> str:
    names = (os.environ.get("LINELET_CHROMIUM", ""), "chromium", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    assert found, "the documentation's tests need Chromium; install it or set LINELET_CHROMIUM to its path"
    return found


def browse(desk: Desk, words: list[str]) -> None:
    """``FILE [file PICTURE] shows TEXT``, on a server of the folder."""
    from playwright.sync_api import sync_playwright

    place = desk.folder / words[0]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(place.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    picture = desk.folder / words[2] if words[1] == "file" else None
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
            shows(browser.new_page(), f"http://localhost:{server.server_port}/{place.name}", picture, words[-1])
            browser.close()
    finally:
        server.shutdown()
        server.server_close()


def browse_extension(desk: Desk, words: list[str]) -> None:
    """``FOLDER FILE file PICTURE shows TEXT``, in a Chromium that has the extension."""
    from playwright.sync_api import sync_playwright

    folder = (desk.folder / words[0]).resolve()
    # Chromium names an unpacked extension by its path's SHA-256, in the letters a-p.
    digits = hashlib.sha256(str(folder).encode()).hexdigest()[:32]
    name = "".join(chr(ord("a") + int(digit, 16)) for digit in digits)
    options = [f"--disable-extensions-except={folder}", f"--load-extension={folder}", "--no-sandbox", "--headless=new"]
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(desk.folder / ".profile"), executable_path=chromium_path(), headless=False, args=options
        )
        shows(context.new_page(), f"chrome-extension://{name}/{words[1]}", desk.folder / words[3], words[-1])
        context.close()


@pytest.mark.docs
@pytest.mark.parametrize("source", PAGES)
def test_a_page_does_what_it_says(source: str, desk: Desk, request: pytest.FixtureRequest) -> None:
    directives: dict[str, Callable[[list[str]], None]] = {
        "given": lambda words: give(desk, words, request.getfixturevalue),
        "npm": lambda words: npm_install(desk, words),
        "browser": lambda words: browse(desk, words),
        "extension": lambda words: browse_extension(desk, words),
        "a": lambda words: None,
    }
    compared, base = True, BASE
    for part in parts_of(pages.load(source)):
        if part.directive:
            name, *words = shlex.split(part.directive)
            directives[name](words)
            compared = name != "a"
            continue
        if part.title:
            target = desk.folder / part.title
            target.parent.mkdir(parents=True, exist_ok=True)
            code = smaller(part.code) if part.language == "bash" else part.code
            target.write_text(code, encoding="utf-8")
        elif part.language == "console":
            type_in(desk, part, compared)
        elif part.language == "python":
            run_python(desk, part.code)
        elif part.language == "toml":
            check_recipe_part(part.code, base)
        else:
            assert part.language in ("json", "text", "ts", "js"), f"{source}: nothing runs blocks of {part.language}"
        compared = True


# --- of every document, the packages' too; quick enough for `nox -s tests`


def test_every_linelet_command_of_the_documents_has_options_that_exist() -> None:
    verbs = installed_verbs()
    found = 0
    for source in DOCUMENTS:
        for part in parts_of((ROOT / source).read_text(encoding="utf-8")):
            if part.language != "console":
                continue
            for entry in commands_of(part.code):
                words = shlex.split(re.sub(r"\$\w+", "0", entry.command), comments=True)
                if words[:1] != ["linelet"] or words[1] not in verbs:
                    assert words[:1] != ["linelet"], f"{source}: {entry.command}"
                    continue
                parser = Parser(prog="linelet")
                verbs[words[1]].configure(parser)
                try:
                    parser.parse_args(words[2:])
                except (LineletError, argparse.ArgumentError) as failure:
                    raise AssertionError(f"{source}: {entry.command}: {failure}") from failure
                found += 1
    assert found > 80


def test_links_of_the_pages_lead_to_files_or_to_generated_pages() -> None:
    generated = re.compile(r"docs/reference/[\w/]+\.md")
    for source in DOCUMENTS:
        text = (ROOT / source).read_text(encoding="utf-8")
        plain = "".join(part for part in re.split(r"(^```.*?^```$)", text, flags=re.M | re.S) if part[:3] != "```")
        for target in re.findall(r"\]\(([^)\s#]+)", plain):
            if target.startswith("https:"):
                continue
            place = os.path.normpath(Path(source).parent / target)
            assert (ROOT / place).exists() or generated.fullmatch(place), f"{source} links to {target}"
