"""The ordered set of characters a reader knows. Character i is class i + 1 unless the spec puts the blank last."""

import unicodedata
from collections.abc import Iterable, Iterator

from linelet_common.errors import CharsetError, describe_characters

# Cc control, Cf invisible format characters, Cs surrogates, Zl/Zp line and paragraph separators: none of them can be
# seen in a picture of one line, and several break a labels.txt.
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


class Charset:
    """Ordered, unique, NFC-normalised characters, one Unicode code point each.

    Raises CharsetError for an empty set, a duplicate, a character of the categories Cc, Cf, Cs, Zl or Zp, U+FFFD, and
    a character that NFC replaces by another one (a label in NFC could never contain it).
    """

    def __init__(self, characters: Iterable[str]) -> None:
        self._characters = tuple(characters)
        if not self._characters:
            raise CharsetError("the charset is empty; name at least one character")
        for position, character in enumerate(self._characters):
            if len(character) != 1:
                raise CharsetError(
                    f"charset entry {position} is {character!r}, not a single character; split it", value=character
                )
            if unicodedata.category(character) in _INVISIBLE:
                name = describe_characters(character)
                raise CharsetError(f"charset position {position} holds the invisible character {name}; remove it")
            if character == "\ufffd":
                raise CharsetError(
                    f"charset position {position} holds U+FFFD, which stands for all other characters; remove it"
                )
            if not unicodedata.is_normalized("NFC", character):
                canonical = describe_characters(unicodedata.normalize("NFC", character))
                name = describe_characters(character)
                raise CharsetError(f"charset position {position} holds {name}, which is not NFC; write {canonical}")
        self._index = {character: i for i, character in enumerate(self._characters)}
        if len(self._index) != len(self._characters):
            doubled = "".join(c for i, c in enumerate(self._characters) if self._index[c] != i)
            raise CharsetError(f"the charset holds {describe_characters(doubled)} more than once; keep one of each")

    def __len__(self) -> int:
        return len(self._characters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._characters)

    def __contains__(self, character: object) -> bool:
        return character in self._index

    def __getitem__(self, index: int) -> str:
        return self._characters[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Charset) and self._characters == other._characters

    def __hash__(self) -> int:
        return hash(self._characters)

    def __str__(self) -> str:
        return "".join(self._characters)

    def __repr__(self) -> str:
        return f"Charset({str(self)!r})"

    def index(self, character: str) -> int:
        """Position of a character; CharsetError if it is not in the set."""
        try:
            return self._index[character]
        except KeyError:
            raise CharsetError(
                f"{describe_characters(character)} is not in the charset ({len(self)} characters); leave it out",
                value=character,
            ) from None

    def missing(self, text: str) -> str:
        """The characters of ``text`` that are not in the set, each once, in order of appearance."""
        return "".join(dict.fromkeys(c for c in text if c not in self._index))
