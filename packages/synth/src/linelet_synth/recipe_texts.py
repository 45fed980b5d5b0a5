"""The texts of a recipe: its mixture, and the grammar of all that it can say."""

import unicodedata
from pathlib import Path

from linelet_common.errors import RecipeError
from linelet_common.files import read_bytes
from linelet_common.grammar import LONGEST_FORM, Grammar, literal_form, parse_form, piece_characters
from linelet_synth.atlas import SPACES
from linelet_synth.recipe import Recipe, TextKind
from linelet_synth.recipe_faces import family
from linelet_synth.texts import Drawer, Folded, Forms, Mixture, Phrases, Random, Refusals, frequencies

# Forms and phrases of a grammar. A longer corpus is language rather than a list of what an app says.
_LONGEST_GRAMMAR = 10_000
# Spaces of other widths than a font's space.
_OTHERS = frozenset(SPACES) - {"\u00a0"}


def read_corpora(recipe: Recipe) -> dict[str, bytes]:
    """The content of the recipe's corpus files, by path. RecipeError for one that cannot be read."""
    return {kind.corpus: _read(kind.corpus) for kind in recipe.texts if kind.corpus}


def _read(path: str) -> bytes:
    try:
        return read_bytes(Path(path))
    except OSError as failure:
        raise RecipeError(f"corpus {path}: {failure.strerror}; name a UTF-8 text file", place=path) from None


def build_mixture(recipe: Recipe, split: str, files: dict[str, bytes]) -> Mixture:
    """The recipe's texts, its random ones weighted so that every character reaches the recipe's floor.

    RecipeError naming the characters of any phrase, form or corpus line that the charset cannot encode.
    """
    charset = recipe.characters
    refusals = Refusals(charset)
    for name, words in recipe.vocabulary.items():
        for word in words:
            refusals.note(word.translate(recipe.folding), f"vocabulary.{name}")
    weights = [kind.weight for kind in recipe.texts]
    fixed = [None if kind.random else _drawer(recipe, k, files, refusals) for k, kind in enumerate(recipe.texts)]
    refusals.end()

    def mixture(boost: dict[str, float], side: str) -> Mixture:
        drawers = [fixed[k] or _random(kind, recipe, k, boost) for k, kind in enumerate(recipe.texts)]
        return Mixture(drawers, weights, side, recipe.validation)

    plain: dict[str, float] = {}
    if any(kind.random and not kind.random.alphabet for kind in recipe.texts) and recipe.floor:
        shares = frequencies(mixture(plain, "all"), charset)
        # A token's share of the random strings grows by what the lines lack of it, in units of an even share.
        even = sum(_reach(kind) * kind.weight for kind in recipe.texts if kind.random) / sum(weights) / len(charset)
        plain = {c: (recipe.floor - share) / even for c, share in shares.items() if share < recipe.floor}
    return mixture(plain, split)


def recipe_grammar(recipe: Recipe, files: dict[str, bytes]) -> Grammar | None:
    """What the recipe's lines can say but for its random strings: forms, phrases of corpora, and the words in them.

    None where that is nothing, where a corpus or its texts are too long to be a list of phrases, and where lines run
    from right to left: a grammar is followed from left to right.
    """
    if recipe.towards:
        return None
    forms = [form for kind in recipe.texts for form in kind.forms]
    for kind in recipe.texts:
        if kind.corpus:
            forms += map(literal_form, _phrases(kind.corpus, files[kind.corpus]))
    forms = [form.translate(recipe.folding) for form in forms]
    if not forms or len(forms) > _LONGEST_GRAMMAR or max(map(len, forms)) > LONGEST_FORM:
        return None
    used = {name for form in forms for name in recipe.vocabulary if f"{{{name}}}" in form or f"%({name})" in form}
    words = {
        name: tuple(dict.fromkeys(word.translate(recipe.folding) for word in words))
        for name, words in recipe.vocabulary.items()
        if name in used
    }
    return Grammar(vocabulary=words, forms=tuple(dict.fromkeys(forms)))


def _reach(kind: TextKind) -> float:
    random = kind.random
    return 0.0 if random is None or random.alphabet else sum(random.length) / 2


def _drawer(recipe: Recipe, k: int, files: dict[str, bytes], refusals: Refusals) -> Drawer:
    kind, where = recipe.texts[k], f"texts.{k}"
    if kind.corpus:
        phrases = [_seen(phrase, recipe) for phrase in _phrases(kind.corpus, files[kind.corpus])]
        for number, phrase in enumerate(phrases, 1):
            refusals.note(phrase.translate(recipe.folding), f"{kind.corpus}, text {number},")
        return _folded(Phrases(phrases, kind.role, family(kind, recipe, k)), "".join(phrases), recipe)
    vocabulary = {name: tuple(_seen(word, recipe) for word in words) for name, words in recipe.vocabulary.items()}
    forms = [parse_form(_seen(form, recipe), vocabulary, where) for form in kind.forms]
    for written_form, form in zip(kind.forms, forms, strict=True):
        # Words of a vocabulary are named as such.
        own = (piece for piece in form if not any(piece is words for words in vocabulary.values()))
        refusals.note("".join(map(piece_characters, own)).translate(recipe.folding), where, written_form)
    held = "".join(piece_characters(piece) for form in forms for piece in form)
    return _folded(Forms(forms, kind.role, family(kind, recipe, k)), held, recipe)


def _seen(text: str, recipe: Recipe) -> str:
    """The text with spaces as wide as the charset's as that one; narrow and wide ones stay, as browsers show them."""
    return text.translate(
        {code: " " for code, own in recipe.folding.items() if own == " " and chr(code) not in _OTHERS}
    )


def other_spaces(recipe: Recipe, files: dict[str, bytes]) -> bool:
    """Whether texts hold spaces that are drawn in a width of their own, and labelled as the charset's."""
    return (
        any(not _OTHERS.isdisjoint(written(recipe, kind, files)) for kind in recipe.texts)
        and " " in recipe.folding.values()
    )


def _folded(drawer: Forms | Phrases, held: str, recipe: Recipe) -> Drawer:
    return Folded(drawer, recipe.folding) if any(ord(c) in recipe.folding for c in held) else drawer


def family_characters(recipe: Recipe, files: dict[str, bytes]) -> dict[str, str]:
    """The characters that the texts of each family of fonts may hold, in the charset's order."""
    names = [family(kind, recipe, k) for k, kind in enumerate(recipe.texts)]
    found: dict[str, set[str]] = {"": set()}
    for name, kind in zip(names, recipe.texts, strict=True):
        found.setdefault(name, set()).update(written(recipe, kind, files))
    if not any(names):
        found[""].update(recipe.charset)
    # What labels fold is drawn as it is.
    drawable = recipe.charset + "".join(chr(code) for code, own in recipe.folding.items() if own != " ")
    return {name: "".join(c for c in drawable if c in held) for name, held in found.items()}


def written(recipe: Recipe, kind: TextKind, files: dict[str, bytes]) -> str:
    """All characters that texts of a kind may hold, as the recipe writes them."""
    if kind.corpus:
        return "".join(_phrases(kind.corpus, files[kind.corpus]))
    if kind.random:
        return "".join((kind.random.alphabet or recipe.charset, *kind.random.tokens))
    return "".join(
        piece_characters(piece) for form in kind.forms for piece in parse_form(form, recipe.vocabulary, "texts")
    )


def repeated_phrases(recipe: Recipe, files: dict[str, bytes]) -> dict[str, int]:
    """How many texts of each corpus repeat an earlier one: each text counts once."""
    counts = {}
    for path, content in files.items():
        lines = [line for line in _lines(path, content) if line]
        counts[path] = len(lines) - len(set(lines))
    return {path: count for path, count in counts.items() if count}


def _phrases(path: str, content: bytes) -> list[str]:
    phrases = [phrase for phrase in dict.fromkeys(_lines(path, content)) if phrase]
    if not phrases:
        raise RecipeError(f"corpus {path} is empty; write one text per line", place=path)
    return phrases


def corpus_phrases(path: str) -> tuple[list[str], int]:
    """The texts of a corpus, each once, and how many repeat another. RecipeError for one that cannot be read."""
    content = _read(path)
    phrases = _phrases(path, content)
    return phrases, len([line for line in _lines(path, content) if line]) - len(phrases)


def _lines(path: str, content: bytes) -> list[str]:
    """A corpus line by line, in NFC as labels are, without spaces at an end, of which nobody sees any."""
    try:
        return [unicodedata.normalize("NFC", line.strip()) for line in content.decode("utf-8-sig").split("\n")]
    except UnicodeDecodeError:
        raise RecipeError(f"corpus {path} is not UTF-8; save it as UTF-8", place=path) from None


def _random(kind: TextKind, recipe: Recipe, k: int, boost: dict[str, float]) -> Random:
    random = kind.random
    assert random is not None
    tokens = [*(random.alphabet or recipe.charset), *random.tokens]
    refusals = Refusals(recipe.characters)
    for token in tokens:
        refusals.note(token, f"texts.{k}.random")
    refusals.end()
    weights = [1.0 + boost.get(token, 0.0) for token in tokens] if not random.alphabet else [1.0] * len(tokens)
    return Random(tokens, weights, random.length, kind.role, family(kind, recipe, k))
