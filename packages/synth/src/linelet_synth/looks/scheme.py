"""Colours of a line of the screen look: background, text, and what stands beside them."""

from linelet_synth.colours import BLACK, WHITE, Colour, blend, contrast, grey, parse_colour, perturb
from linelet_synth.recipe import Recipe
from linelet_synth.rng import Rng

# Least difference of text and background in grey levels: a reader of grey lines sees nothing else.
LEAST_LEVELS = 45


def legible(background: Colour, colour: Colour, minimum: float) -> bool:
    """Whether both people and a reader of grey pictures can tell a text from its background."""
    return contrast(background, colour) >= minimum and abs(grey(background) - grey(colour)) >= LEAST_LEVELS


class Scheme:
    """Chooses colours: half of the lines have the recipe's, the others light and dark themes' or any."""

    def __init__(self, recipe: Recipe) -> None:
        self._minimum = recipe.looks.screen.min_contrast
        self._saturation, self._value = recipe.palette.saturation, recipe.palette.value
        self._backgrounds = [parse_colour(colour) for colour in recipe.palette.backgrounds]
        self._by_role = {role: recipe.text_colours(role) for role in recipe.roles}
        self._all = [parse_colour(colour) for colour in recipe.palette.text.values()]

    def text_and_background(self, role: str, rng: Rng) -> tuple[Colour, Colour]:
        """Background and text colour that keep the look's contrast."""
        minimum = self._minimum
        kind = rng.random()
        base = perturb(rng.choice(self._backgrounds), self._saturation, self._value, rng)
        if kind < 0.5:
            background = base
            colour = rng.choice(self._by_role[role] if rng.chance(0.85) else self._all)
            if rng.chance(0.6):
                colour = next((c for c in self._by_role[role] if legible(background, c, minimum)), colour)
        elif kind < 0.64:
            level = rng.integer(232, 255)
            background = (level, level, min(255, level + rng.integer(-6, 6))) if rng.chance(0.5) else WHITE
            colour = base if rng.chance(0.6) else blend(BLACK, WHITE, rng.uniform(0.0, 0.6))
        elif kind < 0.78:
            level = rng.integer(0, 60)
            background = (level, level, min(255, level + rng.integer(0, 20)))
            colour = base if rng.chance(0.4) else blend(BLACK, WHITE, rng.uniform(0.5, 1.0))
        else:
            background = (rng.integer(0, 255), rng.integer(0, 255), rng.integer(0, 255))
            colour = (rng.integer(0, 255), rng.integer(0, 255), rng.integer(0, 255))
            if rng.chance(0.5):
                colour = WHITE if grey(background) < 150 else blend(BLACK, WHITE, rng.uniform(0, 0.3))
        if not legible(background, colour, minimum):
            colour = max((WHITE, BLACK), key=lambda c: contrast(background, c))
        if rng.chance(0.25):
            paler = blend(background, colour, rng.uniform(0.45, 0.95))
            # Mostly a text stays well above the floor; few are as faint as the floor allows.
            if legible(background, paler, minimum if rng.chance(0.3) else max(minimum, 1.9)):
                colour = paler
        return background, colour

    def around_plate(self, background: Colour, rng: Rng) -> Colour:
        """What is around a pill or box: anything that is not its own colour."""
        colour = rng.choice((*self._backgrounds, WHITE, (240, 240, 242), (24, 24, 28)))
        return colour if contrast(colour, background) >= 1.1 else blend(background, BLACK, 0.25)

    def beside(self, background: Colour, colour: Colour, rng: Rng) -> Colour:
        """The colour of what stands beside a text."""
        if rng.chance(0.55):
            return colour if rng.chance(0.6) else blend(background, colour, rng.uniform(0.3, 0.9))
        return rng.choice((*self._backgrounds, *self._all, (150, 150, 150)))
