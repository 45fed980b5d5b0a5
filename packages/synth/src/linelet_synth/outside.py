"""Texts with characters outside a recipe's charset, by which a reader learns to say that it does not know.

They are what stands on screens beside an app's own texts: its words in other characters, look-alikes of those it knows,
units, signs, dates and times, Latin words, phrases of other apps. Each holds at least one character outside the
charset; what the charset holds is labelled as ever. linelet_synth.labels has the rule of their labels.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from itertools import accumulate
from types import MappingProxyType

from linelet_common.bidi import Direction, to_visual
from linelet_common.charset import Charset
from linelet_common.codec import UNKNOWN
from linelet_common.errors import RecipeError
from linelet_common.grammar import Piece, parse_form, piece_characters
from linelet_synth.labels import Span, spans, spans_read
from linelet_synth.rng import Rng
from linelet_synth.texts import Forms, Mixture, Part, Text, side

# Fewer phrases than these would be learned by heart: a charset of thousands leaves one or two.
_FEWEST = 30
# A text that will not do is drawn anew at most this often.
_TRIES = 500
# Pixels per em below which a look-alike, a comma or any Chinese character cannot be told from another.
_SMALLEST_ALIKE, _SMALLEST_SPECK, _SMALLEST_CHINESE = 18.0, 15.0, 13.0
_SPECKS = frozenset(".,;:'\"`·•。")  # small marks, told apart by their height beside other characters
# Characters that nothing tells apart, not even what is beside them. Where the charset holds one of a group, no run of
# the others is a text's unknown part.
_CONFUSABLE = (
    "0OoDQ○〇", "1lIi|!丨", "-–—一−_", "%％", "xX×", "：:", "（(", "）)", "／/", "～~", "S5", "B8",
    "Z2", "·•", "，,", "cC", "vV", "wW", "sS", "zZ", "kK", "pP", "uU", "己已巳", "日曰", "土士", "未末", "入人八",
    "千干于", "口囗",
)  # fmt: skip
_NUMBERS = (
    "{0..150:.1f}", "{0..99:.1f}", "{0..300}", "{0..99}", "{1000..9999}", "{0..20:.2f}", "{10..9999:.1f}", "{0..9}",
)  # fmt: skip
_UNITS = (
    "kg", "kg", "kg", "Kg", "KG", "g", "mg", "kcal", "kcal", "Cal", "kJ", "cm", "m", "km", "mm", "bpm", "bpm", "BPM",
    "次/分", "kg/m²", "kg/m2", "mmHg", "mmol/L", "℃", "°C", "°", "℉", "斤", "斤", "千克", "克", "千卡", "步",
    "步", "分钟", "分", "秒", "小时", "时", "天", "岁", "岁", "厘米", "米", "公里", "千米", "毫升", "升", "杯", "元",
    "个", "月", "日", "周", "ml", "mL", "L", "lb", "lbs", "st", "oz", "min", "mins", "h", "hr", "s", "ms", "k", "K",
    "w", "W", "V", "MB", "GB", "steps", "days", "years", "yrs", "pts", "km/h", "/min", "x", "万", "万步", "千",
    "ppm", "dB", "Hz", "in", "ft", "mi", "级", "分贝", "层", "组", "人", "条", "元/月", "以上", "以下", "左右",
)  # fmt: skip
_SIGNED = (
    "-{n}", "-{n}", "-{n}", "+{n}", "+{n}", "−{n}", "±{n}", "~{n}", "≈{n}",
    "≤{n}", "≥{n}", "¥{n}", "￥{n}", "${n}", "#{n}", "×{n}", "x{n}", "({n})", "（{n}）", "[{n}]",
    "{n}→{n}", "{n} → {n}", "{n}-{n}", "{n}-{n}", "{n}~{n}", "{n} - {n}", "{n}–{n}", "{n}/{n}", "{n} / {n}",
    "{n}:{n}", "{n}：{n}", "{n}+", "{n}*", "{n},{n}", "{n}、{n}", "{n} | {n}", "{n}°", "-{n}%",
    "+{n}%", "≥{n}%", "{n}%-{n}%", "{n}%~{n}%", "({n}%)", "+{n}kg", "-{n}kg", "-{n}斤", "{n}kg-{n}kg",
    "No.{n}", "Lv.{n}", "V{n}", "第{n}天", "共{n}次",
)  # fmt: skip
_DATES = (
    "{2015..2032}-{1..12:02d}-{1..31:02d}", "{2015..2032}-{1..12:02d}-{1..31:02d}", "{2015..2032}/{1..12}/{1..31}",
    "{2015..2032}/{1..12:02d}/{1..31:02d}", "{1..12:02d}-{1..31:02d}", "{1..12:02d}/{1..31:02d}", "{1..12}/{1..31}",
    "{0..23:02d}:{0..59:02d}", "{0..23:02d}:{0..59:02d}", "{0..23:02d}:{0..59:02d}", "{1..12}:{0..59:02d}",
    "{0..23:02d}:{0..59:02d}:{0..59:02d}", "{1..12}:{0..59:02d} AM", "{1..12}:{0..59:02d} PM",
    "{1..12}:{0..59:02d}pm", "{2015..2032}-{1..12:02d}-{1..31:02d} {0..23:02d}:{0..59:02d}",
    "{1..12:02d}-{1..31:02d} {0..23:02d}:{0..59:02d}", "{1..12}月{1..31}日", "{1..12}月{1..31}日",
    "{1..12:02d}月{1..31:02d}日", "{1..12}月", "{1..31}日", "{2015..2032}年{1..12}月",
    "{2015..2032}年{1..12}月{1..31}日", "{1..12}月{1..31}日 {0..23:02d}:{0..59:02d}", "今天 {0..23:02d}:{0..59:02d}",
    "昨天 {0..23:02d}:{0..59:02d}", "上午{1..12}:{0..59:02d}", "下午{1..12}:{0..59:02d}", "{0..23}h{0..59}m",
    "{0..23}h {0..59}m", "{0..23}小时{0..59}分", "{0..23}小时{0..59}分钟", "{0..59}分{0..59}秒",
    "{0..59}'{0..59:02d}\"", "{1..31} {month}", "{month} {1..31}", "{month} {1..31}, {2015..2032}", "{day} {1..31}",
    "{0..23:02d}:{0..59:02d}-{0..23:02d}:{0..59:02d}", "{1..12}.{1..31}-{1..12}.{1..31}", "{1000..99999:,}",
    "{1000..99999:,}", "{1000000..9999999:,}", "{1000..9999:,.1f}", "周{cn}", "星期{cn}", "周{cn} {1..12}/{1..31}",
    "{1..9}/{1..9}",
)  # fmt: skip
# A comma between thousands, which turns 16,000 into 16.000 where it is taken for a point.
_GROUPED = (
    "{1000..99999:,}", "{1000..99999:,}", "{1000..99999:,}", "{1000..999999:,}", "{1000000..9999999:,}",
    "{1000..9999:,.1f}", "{1000..99999:,}步", "{1000..9999:,}kcal", "{1000..9999:,}大卡", "{1..99},000",
    "{1..9},{0..9}", "{0..99},{0..99:02d}", "{10..150},{0..9}kg",
)  # fmt: skip
_VOCABULARY = {
    "month": ("Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec"),
    "day": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "cn": tuple("一二三四五六日"),
}
# How a word of the charset and one of others stand together.
_JOINED = (
    "{a}{b}", "{a}{b}", "{a} {b}", "{a}:{b}", "{a}：{b}", "{a}·{b}", "{a}/{b}", "{a} | {b}", "{a}({b})",
    "{a}（{b}）", "{b}{a}", "{b} {a}", "{b}:{a}", "{b}：{a}", "({b}){a}", "{b} {a}", "{a}?",
    "{a}：", "{a}:", "{a}！",
)  # fmt: skip
_LATIN = "".join(map(chr, (*range(0x41, 0x5B), *range(0x61, 0x7B), *range(0xC0, 0x17F))))
# No arrow and no chevron is among the signs: mostly they are icons, which belong to no label.
# Kinds of text by weight; those for which the charset leaves nothing drop out.
_WEIGHTS = {
    "phrase": 24,
    "measure": 22,
    "signed": 14,
    "date": 14,
    "grouped": 14,
    "altered": 10,
    "joined": 9,
    "strange": 10,
    "latin": 5,
}


@lru_cache(maxsize=4)
def _words(name: str) -> tuple[str, ...]:
    file = resources.files("linelet_synth") / "words" / name
    return tuple(file.read_text(encoding="utf-8").splitlines())


class Outside:
    """Draws texts with characters outside the charset, out of those that ``drawable`` holds.

    mixture: the recipe's own texts, which some are made from. split: as of the mixture. direction: of the lines.
    """

    def __init__(
        self,
        charset: Charset,
        mixture: Mixture,
        drawable: frozenset[str],
        split: str,
        validation: float,
        folding: Mapping[int, str] = MappingProxyType({}),
        direction: Direction | None = None,
    ) -> None:
        self._direction = direction
        self._charset, self._mixture, self._drawable, self._folding = charset, mixture, drawable, folding
        # What labels write as a character of the charset is none of a stranger's.
        self._inside = frozenset(charset) | frozenset(map(chr, folding))
        self._split, self._validation = split, validation
        self._alone = {
            c: group for group in _CONFUSABLE for c in group if c not in self._inside and set(group) & set(charset)
        }
        self._strangers()
        forms = {
            "measure": [f"{n}{space}{unit}" for n in _NUMBERS for unit in _UNITS for space in ("", "", " ")],
            "signed": [form.replace("{n}", n) for form in _SIGNED for n in _NUMBERS],
            "date": list(_DATES),
            "grouped": list(_GROUPED),
        }
        drawers = {kind: Forms(kept, "") for kind, texts in forms.items() if (kept := self._parse(texts))}
        kinds: dict[str, Callable[[Rng], Text]] = {kind: drawer.draw for kind, drawer in drawers.items()}
        if len(set(self._phrases)) >= _FEWEST:
            kinds["phrase"] = self._phrase
            kinds["joined"] = self._joined
        if self._all:
            kinds["strange"] = self._strange
            kinds["altered"] = self._altered
        if self._latin:
            kinds["latin"] = self._latin_word
        total = sum(_WEIGHTS[kind] for kind in kinds)
        self._kinds = list(kinds.values())
        self._cumulative = list(accumulate(_WEIGHTS[kind] / total for kind in kinds))
        if self._cumulative:
            self._cumulative[-1] = 1.0

    def __bool__(self) -> bool:
        """Whether there is any such text: a charset may hold all that the faces draw."""
        return bool(self._kinds)

    def draw(self, rng: Rng, role: str) -> Text:
        """A text with at least one U+FFFD in its label. RecipeError if its side of the split has none."""
        for _ in range(_TRIES):
            text = rng.choice_weighted(self._kinds, self._cumulative)(rng)
            drawn = text.drawn
            if not drawn or not self._drawable.issuperset(drawn):
                continue
            seen = to_visual(drawn) if self._direction else drawn
            labelled = spans(seen, self._charset, self._folding)
            if not self._sound(seen, labelled):
                continue
            if self._split == "all" or side(drawn, self._validation) == self._split:
                smallest = max(text.smallest, self._smallest(seen, labelled))
                read = spans_read(labelled) if self._direction else labelled
                if read is not None:
                    return Text(text.parts, role, read, smallest)
        raise RecipeError(
            f"no text outside the charset for the {self._split} side in {_TRIES} draws; write unknown = false"
        )

    def _sound(self, drawn: str, labelled: Sequence[Span]) -> bool:
        """Whether there is an unknown run, and each can be told from characters that the charset holds."""
        if _SPECKS.issuperset(drawn.replace(" ", "")):
            return False
        found = False
        for character, start, end in labelled:
            if character == UNKNOWN:
                found = True
                if all(c in self._alone or c.isspace() for c in drawn[start:end]):
                    return False
        return found

    def _smallest(self, drawn: str, labelled: Sequence[Span]) -> float:
        smallest = 0.0
        for character, start, end in labelled:
            if character == UNKNOWN:
                run = drawn[start:end]
                if _SPECKS.issuperset(run):
                    smallest = max(smallest, _SMALLEST_SPECK)
                elif run >= "\u2e80":
                    smallest = max(smallest, _SMALLEST_CHINESE)
        return smallest

    def _strangers(self) -> None:
        """What the faces draw and the charset lacks: phrases, Chinese characters, look-alikes, Latin letters."""

        def outside(text: str) -> bool:
            return self._drawable.issuperset(text) and any(c not in self._inside and c != " " for c in text)

        chinese = [word for word in _words("zh.txt") if outside(word)]
        # Of three phrases two are Chinese where the charset is.
        english = [word for word in _words("en.txt") if outside(word)]
        self._phrases = [*chinese, *chinese, *english]
        self._common = sorted({c for word in chinese for c in word if c >= "\u4e00" and c not in self._inside})
        self._all, self._alike = [], {}
        for row in _words("lookalikes.txt"):
            if outside(row[0]):
                self._all.append(row[0])
            alike = "".join(c for c in row[1:] if outside(c))
            if row[0] in self._charset and alike:
                self._alike[row[0]] = alike
        latin = [c for c in _LATIN if outside(c)]
        self._latin = [c for c in latin if c.isascii()] or latin
        self._known = [c for c in self._charset if c != " "]

    def _parse(self, forms: Sequence[str]) -> list[list[Piece]]:
        """Those of the forms that can be drawn and have a character that is seen to lie outside the charset."""
        kept = []
        for form in dict.fromkeys(forms):
            pieces = parse_form(form, _VOCABULARY, "")
            characters = "".join(map(piece_characters, pieces))
            outside = any(c not in self._inside and c not in self._alone and c != " " for c in characters)
            if outside and self._drawable.issuperset(characters):
                kept.append(pieces)
        return kept

    def _phrase(self, rng: Rng) -> Text:
        """What other apps say."""
        word = rng.choice(self._phrases)
        if rng.chance(0.08):
            word = rng.choice(("({})", "（{}）", "[{}]", "{}：", "{}:", "{}...", "# {}", "·{}")).format(word)
        return _text((Part(word, "word"),))

    def _joined(self, rng: Rng) -> Text:
        """A text of the recipe and a phrase of others, or a sign that the charset lacks."""
        own, form = self._mixture.draw(rng), rng.choice(_JOINED)
        before, after = form.split("{a}")
        word = rng.choice(self._phrases)
        parts = [*own.parts]
        if before:
            parts.insert(0, Part(before.replace("{b}", word), "word"))
        if after:
            parts.append(Part(after.replace("{b}", word), "word" if "{b}" in after else "unit"))
        return _text(tuple(parts))

    def _stranger(self, rng: Rng) -> str:
        """A Chinese character outside the charset, mostly one that apps use."""
        return rng.choice(self._common if self._common and rng.chance(0.75) else self._all)

    def _altered(self, rng: Rng) -> Text:
        """A text of the recipe, one to three of its characters replaced: by look-alikes where there are any."""
        parts = [*self._mixture.draw(rng).parts]
        alike = False
        for _ in range(rng.integer(1, 3)):
            k = rng.integer(0, len(parts) - 1)
            text = parts[k].text
            if not text:
                continue
            at = rng.integer(0, len(text) - 1)
            near = self._alike.get(text[at])
            alike = alike or near is not None
            new = rng.choice(near) if near else self._stranger(rng)
            parts[k] = Part(text[:at] + new + text[at + 1 :], parts[k].kind)
        return _text(tuple(parts), _SMALLEST_ALIKE if alike else 0.0)

    def _strange(self, rng: Rng) -> Text:
        """Chinese characters at random, some of them the charset's."""
        share = rng.choice((0.0, 0.0, 0.3, 0.5))
        length = rng.integer(1, 7)
        return _text(
            (
                Part(
                    "".join(
                        rng.choice(self._known) if rng.chance(share) else self._stranger(rng) for _ in range(length)
                    ),
                    "random",
                ),
            )
        )

    def _latin_word(self, rng: Rng) -> Text:
        """Latin letters at random, as a name or a code."""
        word = "".join(rng.choice(self._latin) for _ in range(rng.integer(2, 8)))
        shape = rng.integer(0, 3)
        word = (word, word.lower(), word.upper(), word.capitalize())[shape]
        if rng.chance(0.3):
            word += "".join(rng.choice(self._known) for _ in range(rng.integer(1, 3)))
        return _text((Part(word, "random"),))


def _text(parts: tuple[Part, ...], smallest: float = 0.0) -> Text:
    return Text(parts, "", None, smallest)
