"""A line of the screen look in the making: what is decided so far, and how much may still go wrong with it."""

from dataclasses import dataclass, field

from linelet_synth.colours import Colour, grey
from linelet_synth.rng import Rng
from linelet_synth.texts import Text

# Fainter text, in grey levels, has cost a part of its line's budget already.
_FAINT = 75
_COST_OF_FAINTNESS = 0.4


@dataclass(slots=True)
class Draft:
    """Text, random numbers and budget of a line, and what was chosen for it.

    em: pixels per em in the picture. master: pixels per em that its glyphs are rasterised in, of ``sizes``; the mask is
    scaled from it. finest: the smallest part's pixels per em at the master size. display: whether it is slanted and in
    two tones, as digits of a display.
    """

    text: Text
    rng: Rng
    budget: float
    em: float
    master: int
    sizes: tuple[int, ...]
    background: Colour
    colour: Colour
    finest: int = 0
    display: bool = False  # slanted digits in two tones
    styles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.finest = self.finest or self.master
        if self.levels < _FAINT:
            self.spend(_COST_OF_FAINTNESS)
            self.styles.append("faint")

    @property
    def scale(self) -> float:
        """Pixels of the picture per pixel of the mask at the master size."""
        return self.em / self.master

    @property
    def levels(self) -> int:
        """The contrast of text and background in grey levels: a reader of grey lines sees nothing else."""
        return abs(grey(self.background) - grey(self.colour))

    def spend(self, cost: float) -> bool:
        """Take a cost from the budget if the line can afford it."""
        if cost > self.budget:
            return False
        self.budget -= cost
        return True
