import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_common import Charset
from linelet_common.errors import CharsetError


def test_order_is_kept_and_index_is_its_inverse():
    charset = Charset("3体1%")
    assert list(charset) == ["3", "体", "1", "%"]
    assert [charset.index(c) for c in charset] == [0, 1, 2, 3]
    assert str(charset) == "3体1%"
    assert charset[1] == "体"


@pytest.mark.parametrize(
    ("characters", "message"),
    [
        ("", "empty"),
        ("abca", r"'a' \(U\+0061\) more than once"),
        ("a\tb", r"position 1 holds the invisible character '\\t' \(U\+0009\)"),
        ("a\u200b", r"U\+200B"),
        ("a\u2028", r"U\+2028"),
        ("\u212b", r"U\+212B\), which is not NFC; write 'Å' \(U\+00C5\)"),
        (["ab"], "'ab', not a single character"),
        (["\ud800"], r"U\+D800"),
    ],
)
def test_what_cannot_be_a_charset_is_refused(characters, message):
    with pytest.raises(CharsetError, match=message):
        Charset(characters)


def test_an_unknown_character_is_named():
    with pytest.raises(CharsetError, match=r"'正' \(U\+6B63\) is not in the charset \(2 characters\)"):
        Charset("偏高").index("正")


@given(st.text(max_size=30))
def test_missing_names_each_foreign_character_once(text):
    charset = Charset("0123456789.%")
    missing = charset.missing(text)
    assert set(missing) == set(text) - set(charset)
    assert len(missing) == len(set(missing))


@given(st.lists(st.characters(), unique=True, min_size=1))
def test_a_charset_holds_only_visible_nfc_characters(characters):
    """Rule: what is accepted is its own NFC form and no control, format, surrogate or separator character or U+FFFD."""
    try:
        charset = Charset(characters)
    except CharsetError:
        bad = [
            c
            for c in characters
            if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
            or unicodedata.normalize("NFC", c) != c
            or c == "\ufffd"
        ]
        assert bad
    else:
        assert list(charset) == characters
