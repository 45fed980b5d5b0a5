import pydantic
import pytest

from linelet_common.errors import RecipeError
from linelet_common.schema import Checked, parse


class Face(Checked):
    file: str
    weight: int = 400


class Recipe(Checked):
    name: str
    faces: dict[str, Face] | None = None
    extra: list[Face] | None = None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"nam": "x", "name": "y"}, "a.toml: unknown key 'nam'; did you mean 'name'?"),
        ({"name": "x", "zzz": 1}, "a.toml: unknown key 'zzz'; known are name, faces, extra"),
        ({"name": "x", "faces": {"bold": {"file": "f", "wieght": 1}}}, "did you mean 'weight'?"),
        ({"name": "x", "extra": [{"fil": "f"}]}, "'extra.0.file' is missing; add it (and 1 more problems)"),
        ({"name": 3}, "a.toml: name = 3: input should be a valid string"),
    ],
)
def test_problems_are_one_line_with_place_value_and_remedy(data, message):
    with pytest.raises(RecipeError) as failure:
        parse(Recipe, data, "a.toml", RecipeError)
    assert message in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_list_is_a_tuple_but_a_string_is_no_number():
    class Colours(Checked):
        rgb: tuple[int, int, int]

    assert parse(Colours, {"rgb": [1, 2, 3]}, "a", RecipeError).rgb == (1, 2, 3)
    with pytest.raises(RecipeError, match=r"rgb\.0 = '1'"):
        parse(Colours, {"rgb": ["1", 2, 3]}, "a", RecipeError)


def test_a_rule_about_several_keys_does_not_print_the_whole_file():
    class Span(Checked):
        low: int
        high: int

        @pydantic.model_validator(mode="after")
        def _ordered(self):
            if self.low > self.high:
                raise ValueError("low is above high; swap them")
            return self

    with pytest.raises(RecipeError) as failure:
        parse(Span, {"low": 2, "high": 1}, "a.toml", RecipeError)
    assert str(failure.value) == "a.toml: low is above high; swap them"
