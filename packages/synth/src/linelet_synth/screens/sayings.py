"""What screens say: the recipe's own texts, names and values, and those of other apps in any language.

A line's text is made of parts, so that a number can stand larger than its unit, and a value apart from its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Literal

from linelet_common.grammar import Number, Piece
from linelet_synth.rng import Rng
from linelet_synth.texts import Mixture, Text, draw_piece

# A page's lines are no longer than this many characters, sentences apart.
_LONGEST = 18
_UNITS = (
    "kg", "g", "lb", "lbs", "st", "km", "m", "cm", "mm", "mi", "ft", "kcal", "cal", "kJ", "bpm", "mmHg", "mmol/L", "%",
    "°C", "°", "°F", "h", "min", "s", "ms", "km/h", "min/km", "ml", "L", "oz", "MB", "GB", "steps", "/100", "pts", "dB",
    "W", "V", "mg/dL", "公斤", "斤", "千克", "厘米", "公里", "千卡", "大卡", "步", "分钟", "小时", "天", "次", "岁",
    "元", "万", "分", "毫升", "小时前", "件", "个",
)  # fmt: skip
_CURRENCIES = ("$", "€", "£", "¥", "￥", "CHF ", "kr ")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


# How a part follows the one before it: at once, as its unit, or as the value behind a name.
Part = Literal["", "unit", "value"]


@dataclass(frozen=True)
class Said:
    """A text by its parts. field: the recipe's field that it is the value of; names: the one that it is the name of."""

    parts: tuple[tuple[str, Part], ...]
    field: str | None = None
    names: str | None = None

    @property
    def text(self) -> str:
        """The whole."""
        return "".join([text for text, _ in self.parts])

    def then(self, more: str) -> "Said":
        """The text and a sign behind it, which is no field's name any more."""
        return Said((*self.parts, (more, ""))) if more else self

    def together(self, value: "Said", joint: str) -> "Said":
        """A name, a joint and its value as one line."""
        first, *rest = value.parts
        return Said((*self.then(joint).parts, (first[0], "value"), *rest), value.field, self.names)


@dataclass(frozen=True)
class FieldForm:
    """A recipe's field: its key, its names, and the pieces of each of its forms."""

    key: str
    names: tuple[str, ...]
    forms: tuple[list[Piece], ...]


def plain(text: str) -> Said:
    """A text of one part."""
    return Said(((text, ""),))


def _file(name: str) -> str:
    return (resources.files("linelet_synth") / "screens" / "words" / name).read_text("utf-8")


@dataclass
class Languages:
    """The words and sentences of other apps, as far as some characters draw them."""

    characters: frozenset[str]
    words: dict[str, list[str]] = field(default_factory=dict)
    sentences: dict[str, list[str]] = field(default_factory=dict)
    rare: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = _file("others.txt").splitlines()
        found = {"zh": _file("zh.txt").split(), "en": _file("en.txt").strip().split("|")}
        # The words that tools/make_words.py collected, of apps' translations.
        more = resources.files("linelet_synth") / "words"
        for name in ("zh", "en"):
            rows_of = (more / f"{name}.txt").read_text("utf-8").splitlines()
            found[name] += [row for row in rows_of if row and not row.startswith("#")]
        found |= {f"other {k}": row.split("|") for k, row in enumerate(rows)}
        for name, words in found.items():
            kept = [word for word in words if self.characters.issuperset(word)]
            if len(kept) > 5:
                self.words[name] = kept
        for name in ("zh", "en"):
            kept = [s for s in _file(f"{name}-sentences.txt").splitlines() if self.characters.issuperset(s)]
            self.sentences[name] = kept or self.words.get(name, ["1"])
        self.rare = sorted(c for c in self.characters if "一" <= c <= "龥")


class Sayings:
    """Texts of one page. ``start`` chooses its language and whether it is the recipe's app."""

    def __init__(self, mixture: Mixture, fields: Sequence[FieldForm], languages: Languages, spaced: bool) -> None:
        """spaced: the recipe's texts may hold spaces."""
        self._mixture, self._fields, self._languages, self._spaced = mixture, fields, languages, spaced
        self._names = list(languages.words)
        self._others = [name for name in self._names if name not in ("zh", "en")]
        self._unused: list[FieldForm] = []
        self._all_names = tuple(name for form in fields for name in form.names)
        self.own, self.language = True, "zh"

    def start(self, rng: Rng) -> None:
        """Choose the page's language."""
        self._rng = rng
        self.own = rng.chance(0.6)
        kind = rng.random()
        self.language = "zh" if kind < 0.5 else "en" if kind < 0.85 or not self._others else rng.choice(self._others)
        if self.language not in self._languages.words:
            self.language = rng.choice(self._names)
        self._unused = list(self._fields)
        self._rare = self._languages.rare and rng.chance(0.12)

    def title(self) -> str:
        """A short text that stands over others: now and then a field's name."""
        if self.own and self._fields and self._rng.chance(0.15):
            return self._rng.choice(self._rng.choice(self._fields).names)
        return self.word()

    def word(self) -> str:
        """A short text: a name, a button's. Not a field's: whatever stood near it would be taken for its value."""
        for _ in range(8):
            word = self._word()
            if not self._is_name(word):
                return word
        return "1"

    def _is_name(self, word: str) -> bool:
        return word.startswith(self._all_names) and (word in self._all_names or any(map(str.isdigit, word)))

    def _word(self) -> str:
        rng = self._rng
        if self.own and rng.chance(0.55):
            return self._own().text
        if self._rare and rng.chance(0.5):
            return "".join(rng.choice(self._languages.rare) for _ in range(rng.integer(2, 7)))
        if rng.chance(0.06):
            return rng.choice(self._languages.words[rng.choice(self._names)])
        return rng.choice(self._languages.words[self.language])

    def _own(self) -> Text:
        for _ in range(6):
            text = self._mixture.draw(self._rng)
            if len(text.text) <= _LONGEST and not self._is_name(text.text):
                return text
        return text

    def sentence(self) -> str:
        """A text of a paragraph."""
        rng = self._rng
        language = self.language if self.language in self._languages.sentences else "en"
        if self.own and rng.chance(0.2):
            return " ".join(self._own().text for _ in range(rng.integer(3, 8)))
        return rng.choice(self._languages.sentences[language])

    def value(self) -> Said:
        """A number with its unit, a price, a date or a time."""
        rng = self._rng
        kind = rng.random()
        if self.own and kind < 0.5:
            text = self._own()
            return Said(tuple((part.text, "unit" if part.kind == "unit" else "") for part in text.parts))
        if kind < 0.72:
            unit = rng.choice(_UNITS)
            space = " " if unit.isascii() and rng.chance(0.45) else ""
            return Said(((self.number(), ""), (space + unit, "unit")))
        if kind < 0.8:
            return plain(self.number())
        if kind < 0.86:
            return plain(rng.choice(("", "", "-", "+")) + self.price())
        if kind < 0.91:
            return plain(self.time())
        if kind < 0.97:
            return plain(self.date())
        return plain(self.word())

    def price(self) -> str:
        """An amount of money."""
        rng = self._rng
        return rng.choice(_CURRENCIES) + f"{rng.uniform(0, 10 ** rng.integer(1, 5)):,.{rng.choice((0, 2, 2))}f}"

    def month(self) -> str:
        """A month's short name."""
        month = self._rng.integer(1, 12)
        return f"{month}月" if self.language == "zh" else _MONTHS[month - 1]

    def number(self) -> str:
        """Digits as apps show them."""
        rng = self._rng
        kind = rng.integer(0, 9)
        if kind < 3:
            return f"{rng.uniform(0, rng.choice((10, 100, 100, 150))):.1f}"
        if kind < 6:
            return str(rng.integer(0, rng.choice((9, 99, 99, 999, 9999, 99999))))
        if kind == 6:
            return f"{rng.integer(0, 99999):,}"
        if kind == 7:
            return f"{rng.uniform(0, 100):.2f}"
        if kind == 8:
            return rng.choice(("-", "+", "−", "±")) + f"{rng.uniform(0, 10):.1f}"
        return f"{rng.integer(40, 180)}/{rng.integer(40, 110)}"

    def digit(self) -> str:
        """A lone digit or two."""
        rng = self._rng
        return str(rng.integer(0, 9)) if rng.chance(0.7) else str(rng.integer(10, 99))

    def time(self) -> str:
        """A time of day."""
        rng = self._rng
        hour, minute = rng.integer(0, 23), rng.integer(0, 59)
        kind = rng.integer(0, 4)
        if kind == 0:
            return f"{hour % 12 or 12}:{minute:02d} {'PM' if hour > 11 else 'AM'}"
        if kind == 1:
            return f"{'下午' if hour > 11 else '上午'}{hour % 12 or 12}:{minute:02d}"
        if kind == 2:
            return f"{hour:02d}:{minute:02d}:{rng.integer(0, 59):02d}"
        return f"{hour:02d}:{minute:02d}"

    def date(self) -> str:
        """A date, now and then with a time."""
        rng = self._rng
        year, month, day = rng.integer(2015, 2029), rng.integer(1, 12), rng.integer(1, 28)
        return (
            f"{year}-{month:02d}-{day:02d}", f"{year}/{month}/{day}", f"{year}年{month:02d}月{day:02d}日",
            f"{month:02d}/{day:02d}", f"{month}月{day}日", f"{_MONTHS[month - 1]} {day}, {year}",
            f"{day} {_MONTHS[month - 1]} {year}", f"{day:02d}.{month:02d}.{year}", f"{day} {_MONTHS[month - 1]}",
            f"{year}-{month:02d}-{day:02d} {rng.integer(0, 23):02d}:{rng.integer(0, 59):02d}",
            f"{year}年{month:02d}月{day:02d}日 {rng.integer(0, 23):02d}:{rng.integer(0, 59):02d}",
        )[rng.integer(0, 10)]  # fmt: skip

    def weekdays(self) -> tuple[str, ...]:
        """Monday to Sunday."""
        rng = self._rng
        if self.language == "zh":
            return rng.choice((_DAYS_ZH, ("一", "二", "三", "四", "五", "六", "日")))
        return rng.choice((_DAYS, tuple("MTWTFSS")))

    def pair(self) -> tuple[Said, Said]:
        """A name and its value: mostly one of the recipe's fields, each at most once a page, where it is its app."""
        rng = self._rng
        if self.own and self._unused and rng.chance(0.9):
            chosen = self._unused.pop(rng.integer(0, len(self._unused) - 1))
            return Said(((rng.choice(chosen.names), ""),), None, chosen.key), self._draw(chosen)
        return plain(self.word()), self.value()

    def inline(self, name: Said, value: Said, joint: str) -> Said:
        """A name and its value as one line. A field's has no sign between that its recipe may not have."""
        return name.together(value, joint if not value.field else " " if self._spaced else "")

    def _draw(self, form: FieldForm) -> Said:
        parts: list[tuple[str, Part]] = []
        pieces = self._rng.choice(form.forms)
        for k, piece in enumerate(pieces):
            is_unit = isinstance(piece, str) and k and isinstance(pieces[k - 1], Number)
            if text := draw_piece(piece, self._rng):
                parts.append((text, "unit" if is_unit else ""))
        return Said(tuple(parts), form.key)
