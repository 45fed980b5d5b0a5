"""Fields: what a recipe may name, and what it may not."""

import pytest

from linelet_common.charset import Charset
from linelet_common.errors import RecipeError
from linelet_common.fields import Field, check_fields
from linelet_common.schema import parse

CHARSET = Charset("0123456789.%体重公斤水分")


def test_one_name_and_form_or_several() -> None:
    one = parse(Field, {"name": "体重", "form": "{0..150:.1f}公斤"}, "fields.weight", RecipeError)
    several = parse(
        Field, {"name": ["体重", "重"], "form": ["{0..150:.1f}", "{0..9}公斤"]}, "fields.weight", RecipeError
    )
    assert one.names == ("体重",)
    assert several.names == ("体重", "重")
    assert len(several.pieces()) == 2
    check_fields({"weight": one}, CHARSET)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "", "form": "{0..9}"}, "name is empty"),
        ({"name": [], "form": "{0..9}"}, "name is empty"),
        ({"name": "体重", "form": []}, "form is empty"),
        ({"name": "体重", "form": "{0..9"}, "lone '{'"),
        ({"name": "体重", "form": "{9..0}"}, "runs backwards"),
        ({"name": "体重", "form": "{status}"}, "asks for 'status'"),
        ({"name": "体重", "form": "体重"}, "the field's name too"),
        ({"name": "体重", "form": "{0..9}", "names": "重"}, "did you mean 'name'"),
    ],
)
def test_what_cannot_be_a_field(data: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse(Field, data, "fields.weight", RecipeError)


def test_characters_outside_the_charset_are_named() -> None:
    with pytest.raises(RecipeError, match=r"fields.fat needs '脂' \(U\+8102\)"):
        check_fields({"fat": Field(name="体脂", form="{0..9}%")}, CHARSET)
    with pytest.raises(RecipeError, match=r"'k'.*'g'"):
        check_fields({"weight": Field(name="体重", form="{0..9}kg")}, CHARSET)
    with pytest.raises(RecipeError, match="'-'"):
        check_fields({"weight": Field(name="体重", form="{-9..9}")}, CHARSET)


def test_a_fields_form_takes_no_vocabulary() -> None:
    with pytest.raises(RecipeError, match=r"asks for 'unit', not a number.*\{kg\|lb\}; correct it or write words"):
        parse(Field, {"name": "体重", "form": "{unit}"}, "fields.weight", RecipeError)


def test_a_field_without_a_key_is_refused() -> None:
    with pytest.raises(RecipeError, match="key is empty"):
        check_fields({"": Field(name="体重", form="{0..9}")}, CHARSET)


def test_two_fields_of_one_name_are_refused() -> None:
    fields = {"weight": Field(name="体重", form="{0..9}"), "water": Field(name=("水分", "体重"), form="{0..9}%")}
    with pytest.raises(RecipeError, match="both called '体重'"):
        check_fields(fields, CHARSET)
