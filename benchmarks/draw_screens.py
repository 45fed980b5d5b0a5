"""Draw labelled app screens in a real browser with this machine's fonts: a dataset that no synthesiser of ours made.

    pip install playwright ; apt-get install chromium fonts-noto-cjk fonts-wqy-zenhei fonts-lxgw-wenkai fonts-liberation
    python benchmarks/draw_screens.py health-app OUT --count 500 [--seed 1] [--phone]
    linelet evaluate health-app --data OUT

Four kinds in turn: bordered cards, gradients and shadows, photo headers, charts. Names and values are the recipe's
fields; around them stand words and figures of other apps. The truth comes from Chromium: every page is drawn twice,
with its texts and without, and a line's box is the ink that differs.
"""

import argparse
import html
import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from draw_lines import ARGUMENTS, BACKGROUNDS, LATIN, chinese_families, luminance
from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from linelet_common.fields import Field
from linelet_common.grammar import Number, Piece
from linelet_synth import load_recipe
from linelet_synth.rng import Rng
from linelet_synth.texts import draw_piece

FOREIGN = [
    "最近7天", "今日步数", "睡眠质量", "查看详情", "历史记录", "2025-06-03 11:57", "74.0 kg", "正常", "Settings",
    "Heart rate", "112/74 mmHg", "运动时长 45 min", "分享给好友", "+0.5", "-1.2", "健身计划", "我的设备", "周一",
    "23:59", "¥12.50", "更多 >", "Today", "Weekly report", "目标完成 80/100", "点击编辑", "第3周", "早餐",
    "跑步 5.2 km", "会员中心",
]  # fmt: skip
KINDS = ("cards", "gradients", "photos", "charts")
# Away with the blocks that a phone's screen has no room for.
CUT = "while (document.documentElement.scrollHeight > innerHeight) document.body.lastElementChild.remove()"


class Writer:
    """HTML of one screen: every text goes through ``text``, which gives it a number and remembers what it says."""

    def __init__(self, rng: random.Random, fields: dict[str, Field], kind: str, families: list[str]) -> None:
        self.rng, self.kind = rng, kind
        self.lines: list[tuple[str, str | None]] = []
        self.left = rng.sample(sorted(fields.items()), len(fields))
        self.font = f"'{rng.choice(LATIN)}','{rng.choice(families)}'"
        self.dark = rng.random() < 0.25
        self.ink = "#eeeeee" if self.dark else rng.choice(["#222222", "#333333", "#444c55"])
        self.pale = "#9a9aa2" if self.dark else rng.choice(["#777777", "#8a8f99", "#999999"])
        self.card = "#2a2a2e" if self.dark else "#ffffff"
        self.background = "#161618" if self.dark else rng.choice(["#f2f3f5", "#fafafa", "#eef2f6", "#ffffff"])
        self.accent = rng.choice(BACKGROUNDS[:5])

    def text(self, inner: str, style: str = "", field: str | None = None, plain: str | None = None) -> str:
        """A line; inner is HTML, plain what it says."""
        self.lines.append((plain if plain is not None else html.unescape(inner), field))
        return f'<span class="t" id="l{len(self.lines) - 1}" style="{style}">{inner}</span>'

    def foreign(self, style: str = "") -> str:
        return self.text(html.escape(self.rng.choice(FOREIGN)), style)

    def value(self, field: Field) -> str:
        """What the field may say: its first form, drawn."""
        return "".join(self.piece(piece) for piece in field.pieces()[0])

    def piece(self, piece: Piece) -> str:
        if isinstance(piece, str):
            return piece
        if isinstance(piece, Number):
            low, high = piece.low, piece.high
            return piece.text(self.rng.randint(int(low), int(high)) if piece.whole else self.rng.uniform(low, high))
        return draw_piece(piece, Rng(b"screens", self.rng.getrandbits(32)))

    def pair(self) -> tuple[str, str, str] | None:
        """A field's key, name and value that this screen does not show yet."""
        if not self.left:
            return None
        key, field = self.left.pop()
        return key, field.names[0], self.value(field)

    def number(self, value: str, size: float, color: str, key: str) -> str:
        """A value; where a unit of characters follows a number, it may be smaller."""
        cut = next((i for i, c in enumerate(value) if c not in "0123456789.,-"), len(value))
        style = f"font-size:{size}px;font-weight:{self.rng.choice([400, 500, 700])};color:{color}"
        if 0 < cut < len(value) and self.rng.random() < 0.6:
            unit = f"font-size:{self.rng.uniform(0.45, 0.8):.2f}em;font-weight:400;margin-left:0.12em"
            return self.text(f'{value[:cut]}<span style="{unit}">{value[cut:]}</span>', style, key, value)
        return self.text(html.escape(value), style, key)

    def icon(self, size: int = 24) -> str:
        color = self.rng.choice([*BACKGROUNDS[:5], "#d0d4da"])
        shape = self.rng.choice(
            [
                "<circle cx='12' cy='12' r='10'/>",
                "<path d='M12 21C5 15 2 12 2 8a5 5 0 0 1 10-1 5 5 0 0 1 10 1c0 4-3 7-10 13z'/>",
                "<path d='M12 2c4 6 7 9 7 13a7 7 0 0 1-14 0c0-4 3-7 7-13z'/>",
                "<rect x='3' y='10' width='4' height='11'/><rect x='10' y='4' width='4' height='17'/>"
                "<rect x='17' y='7' width='4' height='14'/>",
                "<path d='M3 12h4l3-8 4 16 3-8h4' fill='none' stroke-width='2'/>",
            ]
        )
        return f"<svg width={size} height={size} viewBox='0 0 24 24' fill='{color}' stroke='{color}'>{shape}</svg>"

    def row(self) -> str:
        """Icon, name, status, value, chevron."""
        pair = self.pair()
        size = self.rng.uniform(13, 17)
        left = f"display:flex;align-items:center;gap:8px;padding:{self.rng.randint(8, 16)}px 14px"
        icon = self.icon() if self.rng.random() < 0.6 else ""
        border = f";border-bottom:1px solid {self.pale}44" if self.rng.random() < 0.6 else ""
        if pair is None:
            return f'<div style="{left}{border}">{icon}{self.foreign(f"font-size:{size}px")}</div>'
        key, name, value = pair
        words = self.text(html.escape(name), f"font-size:{size}px;color:{self.ink}")
        pill = ""
        if self.rng.random() < 0.4:
            pill = (
                f'<span style="background:{self.accent};border-radius:9px;padding:1px 8px">'
                + self.text(self.rng.choice(["偏高", "偏低", "标准", "正常"]), f"font-size:{size * 0.7}px;color:#fff")
                + "</span>"
            )
        color = self.rng.choice([self.ink, self.accent if luminance(self.accent) < 0.45 else self.ink])
        shown = self.number(value, size * self.rng.uniform(1, 1.5), color, key)
        chevron = f"<span style='color:{self.pale}'>&#8250;</span>" if self.rng.random() < 0.4 else ""
        push = '<span style="flex:1"></span>'
        return f'<div style="{left}{border}">{icon}{words}{pill}{push}{shown}{chevron}</div>'

    def tiles(self) -> str:
        """A grid of tiles, value above or below its name."""
        above, columns = self.rng.random() < 0.5, self.rng.choice([2, 3])
        cells = []
        for _ in range(columns * self.rng.choice([1, 2])):
            pair = self.pair()
            if pair is None:
                cells.append(f"<div>{self.foreign('font-size:13px')}</div>")
                continue
            key, name, value = pair
            top = self.text(html.escape(name), f"font-size:13px;color:{self.pale if not self.dark else self.ink}")
            big = self.number(value, self.rng.uniform(18, 26), self.ink, key)
            first, second = (big, top) if above else (top, big)
            cells.append(f'<div style="text-align:center;padding:12px 2px"><div>{first}</div><div>{second}</div></div>')
        return f'<div style="display:grid;grid-template-columns:repeat({columns},1fr)">{"".join(cells)}</div>'

    def chart(self) -> str:
        """A line or bars with labels at points and axes."""
        width, height, n = 330, 160, self.rng.randint(4, 7)
        values = [self.rng.uniform(55, 75) for _ in range(n)]
        step = width / n
        points = [(step * (i + 0.5), 130 - 4 * (v - 55)) for i, v in enumerate(values)]
        if self.rng.random() < 0.5:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            shape = f"<polyline points='{path}' fill='none' stroke='{self.accent}' stroke-width='2'/>" + "".join(
                f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{self.accent}'/>" for x, y in points
            )
        else:
            shape = "".join(
                f"<rect x='{x - 8:.1f}' y='{y:.1f}' width='16' height='{140 - y:.1f}' fill='{self.accent}'/>"
                for x, y in points
            )
        place = "position:absolute;transform:translateX(-50%);white-space:pre"
        labels = "".join(
            f'<div style="{place};left:{x:.1f}px;top:{y - 22:.1f}px">'
            + self.text(f"{v:.1f}", f"font-size:{self.rng.choice([10, 11, 12])}px;color:{self.ink}")
            + "</div>"
            for (x, y), v in zip(points, values, strict=True)
        )
        days = "".join(
            f'<div style="{place};left:{x:.1f}px;top:142px">'
            + self.text(f"{i + 1}", f"font-size:11px;color:{self.pale}")
            + "</div>"
            for i, (x, _) in enumerate(points)
        )
        svg = f"<svg width={width} height={height}>{shape}<path d='M0 140H{width}' stroke='{self.pale}66'/></svg>"
        return f'<div style="position:relative;margin:14px 12px 10px">{svg}{labels}{days}</div>'

    def head(self) -> str:
        """A header: a bar with a title, on a photo or a gradient where the kind asks for it, with one big value."""
        pair = self.pair()
        assert pair is not None
        key, name, value = pair
        background = f"background:{self.accent}"
        if self.kind == "gradients":
            background = f"background:linear-gradient({self.rng.randint(0, 360)}deg,{self.accent},#23557a)"
        if self.kind == "photos":
            blobs = ",".join(
                f"radial-gradient(circle at {self.rng.randint(0, 100)}% {self.rng.randint(0, 100)}%,"
                f"hsla({self.rng.randint(0, 360)},50%,{self.rng.randint(15, 45)}%,.9),"
                f"transparent {self.rng.randint(20, 60)}%)"
                for _ in range(7)
            )
            background = f"background:{blobs},#334"
        title = self.foreign("font-size:17px;color:#fff")
        big = self.number(value, self.rng.uniform(40, 64), "#fff", key)
        label = self.text(html.escape(name), "font-size:15px;color:#fff")
        shadow = "text-shadow:0 1px 3px #0008;" if self.kind != "cards" else ""
        return (
            f'<div style="{background};{shadow}padding:12px 16px 20px;text-align:center"><div>{title}</div>'
            f'<div style="margin-top:14px">{label}</div><div>{big}</div></div>'
        )

    def page(self, count: int | None = None) -> str:
        """The whole screen: a header and so many blocks, or a few."""
        head = self.head()
        blocks = []
        for _ in range(count or self.rng.randint(2, 4)):
            inner = (
                self.tiles() if self.rng.random() < 0.4 else "".join(self.row() for _ in range(self.rng.randint(2, 5)))
            )
            if self.kind == "charts" and self.rng.random() < 0.7:
                inner = f'<div style="padding:10px 14px 0">{self.foreign("font-size:15px")}</div>' + self.chart()
            edge = f"border:1px solid {self.pale}88;" if self.kind == "cards" else ""
            shadow = "box-shadow:0 2px 10px #0003;" if self.kind == "gradients" else ""
            radius = self.rng.choice([0, 8, 14])
            blocks.append(
                f'<div style="{edge}{shadow}background:{self.card};border-radius:{radius}px;margin:12px 12px">'
                f"{inner}</div>"
            )
        style = f"margin:0;background:{self.background};color:{self.ink};font:15px/1.4 {self.font}"
        return (
            f"<meta charset=utf-8><style>.t{{white-space:pre}} .blank .t,.blank .t *{{color:transparent!important;"
            f'text-shadow:none!important}}</style><body style="{style}">{head}{"".join(blocks)}'
        )


def shoot(page: Page, path: Path) -> np.ndarray[Any, Any]:
    page.screenshot(path=path, full_page=True, animations="disabled")
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def truth(page: Page, writer: Writer, path: Path, scale: float) -> list[dict[str, Any]]:
    """Draw a page to ``path``; the boxes of its lines, tight to the ink."""
    blank = path.with_name("blank.png")
    page.evaluate("document.body.className = 'blank'")
    without = shoot(page, blank)
    page.evaluate("document.body.className = ''")
    ink = np.abs(shoot(page, path) - without).max(axis=2) > 24
    blank.unlink()
    rects = page.evaluate(
        "[...document.querySelectorAll('.t')].map(e => [e.id, e.getBoundingClientRect()]).map(([i, r]) =>"
        " [+i.slice(1), r.x, r.y + scrollY, r.right, r.bottom + scrollY])"
    )
    rows = []
    for number, *rect in sorted(rects):
        x0, y0, x1, y1 = (round(v * scale) for v in rect)
        part = ink[max(0, y0) : y1, max(0, x0) : x1]
        if not part.any():
            continue
        ys, xs = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        text, field = writer.lines[number]
        box = [max(0, x0) + int(xs[0]), max(0, y0) + int(ys[0]), int(xs[-1] - xs[0]) + 1, int(ys[-1] - ys[0]) + 1]
        rows.append({"bbox": box, "text": text, **({"field": field, "value": True} if field else {})})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phone", action="store_true", help="all of 1080 x 2400 pixels, filled from top to bottom")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    recipe = load_recipe(args.recipe)
    families = chinese_families()
    (args.out / "images").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for number in range(args.count):
            scale = 3 if args.phone else rng.choice([1, 2, 2, 3])
            size: ViewportSize = {"width": 360, "height": 800} if args.phone else {"width": 375, "height": 700}
            page = browser.new_page(device_scale_factor=scale, viewport=size)
            writer = Writer(rng, recipe.fields, KINDS[number % len(KINDS)], families)
            page.set_content(writer.page(12 if args.phone else None))
            if args.phone:
                page.evaluate(CUT)
            name = f"images/{number:04d}.png"
            rows = truth(page, writer, args.out / name, scale)
            page.close()
            width, height = Image.open(args.out / name).size
            images.append({"id": number, "file_name": name, "width": width, "height": height})
            annotations += [
                {"id": len(annotations) + k, "image_id": number, "category_id": 1, **r} for k, r in enumerate(rows)
            ]
        browser.close()
    screens = {"images": images, "categories": [{"id": 1, "name": "line"}], "annotations": annotations}
    (args.out / "screens.json").write_text(json.dumps(screens, ensure_ascii=False), encoding="utf-8")
    about = {"name": args.recipe, "charset": recipe.charset, "count": args.count, "seed": args.seed, "kind": "screens"}
    (args.out / "dataset.json").write_text(json.dumps({**about, "recipe_digest": "browser", "complete": True}))
    print(f"{args.count} screens, {len(annotations)} lines in {len(families)} Chinese families -> {args.out}")


if __name__ == "__main__":
    main()
