"""Fields: the values that a screen shows beside their names, as a recipe tells of them."""

from collections.abc import Mapping
from typing import Self

import pydantic

from linelet_common.charset import Charset
from linelet_common.errors import RecipeError, describe_characters
from linelet_common.grammar import Piece, parse_form, piece_characters
from linelet_common.schema import Checked


class Field(Checked):
    """A named value: the names that may stand beside it, and the forms that it may have.

    A form is a grammar's, without vocabularies: ``{0..150:.1f}公斤``.
    """

    name: str | tuple[str, ...]  # what stands beside the value; one of these, where several are given
    form: str | tuple[str, ...]  # what the whole text of the value is

    @pydantic.model_validator(mode="after")
    def _readable(self) -> Self:
        for key, given in (("name", self.names), ("form", self.forms)):
            if not given or not all(text.strip() for text in given):
                raise ValueError(f"{key} is empty; write at least one")
        try:
            for pieces in self.pieces():
                text = "".join(piece for piece in pieces if isinstance(piece, str))
                if all(isinstance(piece, str) for piece in pieces) and text in self.names:
                    raise ValueError(f"form {text!r} is the field's name too; drop one of the two")
        except RecipeError as failure:
            raise ValueError(str(failure)) from None
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Its names."""
        return (self.name,) if isinstance(self.name, str) else self.name

    @property
    def forms(self) -> tuple[str, ...]:
        """Its forms."""
        return (self.form,) if isinstance(self.form, str) else self.form

    def folded(self, folding: Mapping[int, str]) -> "Field":
        """The field as a reader writes it: ``folding`` as of str.translate."""
        name, form = (tuple(text.translate(folding) for text in texts) for texts in (self.names, self.forms))
        return Field(name=name, form=form)

    def pieces(self) -> list[list[Piece]]:
        """Each form's pieces."""
        return [parse_form(form, None, "form") for form in self.forms]


def check_fields(fields: Mapping[str, Field], charset: Charset) -> None:
    """RecipeError for fields without a key, with characters that the charset lacks, or a name that two fields have."""
    if "" in fields:
        raise RecipeError("a field's key is empty; name what its value is given under", value="")
    lacking: dict[str, str] = {}
    for key, field in fields.items():
        written = [*field.names, *(piece_characters(piece) for pieces in field.pieces() for piece in pieces)]
        if missing := "".join(c for text in written for c in charset.missing(text)):
            lacking[key] = missing
    if lacking:
        every = "".join(dict.fromkeys("".join(lacking.values())))
        needs, those = ("needs", "field") if len(lacking) == 1 else ("need", "fields")
        raise RecipeError(
            f"{', '.join(f'fields.{key}' for key in lacking)} {needs} {describe_characters(every)}, not in the charset "
            f"({len(charset)} characters); add them to the charset or drop the {those}"
        )
    owners: dict[str, str] = {}
    for key, field in fields.items():
        for name in field.names:
            if name in owners:
                raise RecipeError(
                    f"fields.{owners[name]} and fields.{key} are both called {name!r}; rename one", value=name
                )
            owners[name] = key
