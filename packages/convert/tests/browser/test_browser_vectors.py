"""The reader's arithmetic equals Python's: vectors are made by linelet_common and Pillow and run in Node."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unicodedata import category

import numpy as np
import onnx
import pytest
from PIL import Image

from linelet_common import Charset, ReaderSpec
from linelet_common.automata import automata_json
from linelet_common.bidi import reading_order
from linelet_common.errors import SpecError
from linelet_common.fields import Field
from linelet_common.grammar import Automaton, Grammar
from linelet_common.preprocess import prepare, to_rgb
from linelet_read import decode

Run = Callable[[list[dict[str, Any]]], list[Any]]
DIGITS = "0123456789.%公斤"
FIELD = {"n": Field(name="0", form="1{0..1}")}


def text(data: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(data).tobytes()).decode("ascii")


def picture(rgba: np.ndarray) -> dict[str, Any]:
    return {"data": text(rgba), "width": rgba.shape[1], "height": rgba.shape[0]}


def opaque(rgb: np.ndarray) -> np.ndarray:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def random_picture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Noise, or blocks of flat colour: edges at their hardest."""
    if rng.random() < 0.5:
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    block = rng.integers(1, 9)
    small = rng.choice(np.array([0, 255, 17], np.uint8), (height // block + 1, width // block + 1, 3))
    return np.ascontiguousarray(small.repeat(block, 0).repeat(block, 1)[:height, :width])


def test_resize_is_pillows_bilinear_to_the_bit(run_vectors: Run) -> None:
    rng = np.random.default_rng(1)
    cases, expected = [], []
    for _ in range(150):
        height, width, to_height, to_width = map(int, rng.integers(1, (90, 130, 90, 130)))
        channels = int(rng.choice([1, 3]))
        rgb = random_picture(rng, height, width)
        pixels = rgb if channels == 3 else rgb[:, :, 0]
        # Two calls: in one, Pillow's order of passes depends on its version and the shapes.
        wide = Image.fromarray(np.ascontiguousarray(pixels)).resize((to_width, height), Image.Resampling.BILINEAR)
        wanted = wide.resize((to_width, to_height), Image.Resampling.BILINEAR)
        raster = {"data": text(pixels), "width": width, "height": height, "channels": channels}
        cases.append({"kind": "resize", "raster": raster, "width": to_width, "height": to_height})
        expected.append(text(np.asarray(wanted)))
    assert run_vectors(cases) == expected


def test_grey_is_pillows_luma_over_all_colours(run_vectors: Run) -> None:
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    rgb = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(52, -1, 3)
    wanted = np.asarray(Image.fromarray(rgb).convert("L"))
    assert run_vectors([{"kind": "grey", "picture": picture(opaque(rgb))}]) == [text(wanted)]


def test_transparent_pixels_lie_on_white_as_in_pillow(run_vectors: Run) -> None:
    value, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    rgba = np.dstack([value, value[:, ::-1], value.T, alpha])
    wanted = Image.fromarray(to_rgb(Image.fromarray(rgba), "test")).convert("L")
    assert run_vectors([{"kind": "grey", "picture": picture(rgba)}]) == [text(np.asarray(wanted))]


def test_a_picture_may_lie_anywhere_in_its_buffer(run_vectors: Run) -> None:
    rgb = random_picture(np.random.default_rng(4), 30, 41)
    cases = [{"kind": "grey", "picture": picture(opaque(rgb)), "offset": offset} for offset in range(5)]
    assert run_vectors(cases) == [text(np.asarray(Image.fromarray(rgb).convert("L")))] * 5


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"color": "rgb", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "pad": -1.5},
        {"color": "bgr", "height": 48},
        {"widths": (64, 128, 320), "pad": 1.0, "mean": (0.0,), "std": (1.0,)},
        {"width_step": 8, "height": 20},
    ],
    ids=["default", "rgb", "bgr", "widths", "step"],
)
def test_network_input_equals_pythons(run_vectors: Run, options: dict[str, Any]) -> None:
    spec = ReaderSpec(charset=DIGITS, **options)
    rng = np.random.default_rng(2)
    images = [random_picture(rng, int(h), int(w)) for h, w in rng.integers(1, 120, (40, 2)) * [1, 3]]
    results = run_vectors([{"kind": "prepare", "picture": picture(opaque(i)), "spec": spec.to_json()} for i in images])
    for image, result in zip(images, results, strict=True):
        wanted = prepare(image, spec)
        assert tuple(result["shape"]) == wanted.shape
        got = np.frombuffer(base64.b64decode(result["data"]), np.float32).reshape(wanted.shape)
        np.testing.assert_array_equal(got, wanted)


def test_absurd_lines_are_refused_with_pythons_words(run_vectors: Run) -> None:
    spec = ReaderSpec(charset=DIGITS)
    rule = np.zeros((1, 200, 3), np.uint8)
    [message] = run_vectors([{"kind": "prepare", "picture": picture(opaque(rule)), "spec": spec.to_json()}])
    assert message == "LineletError: a line of 200 x 1 pixels is over 128 times as wide as high; crop it"


def decoding_cases() -> list[tuple[np.ndarray, ReaderSpec]]:
    rng = np.random.default_rng(3)
    classes = len(DIGITS) + 1
    cases = []
    for blank in (0, len(DIGITS)):
        for scores in ("logits", "log_probs", "probs"):
            for layout in ("NTC", "TNC"):
                spec = ReaderSpec(
                    charset=DIGITS, blank=blank, scores=scores, layout=layout, temperature=float(rng.uniform(0.5, 3))
                )
                output = rng.normal(0, 3, (3, 17, classes)).astype(np.float32)
                if scores != "logits":
                    output = np.exp(output) / np.exp(output).sum(-1, keepdims=True)
                if scores == "log_probs":
                    output = np.log(output)
                cases.append((output, spec))
    # With a class for characters outside the charset, common enough to have neighbours.
    for scale in (1, 3):
        spec = ReaderSpec(charset=DIGITS, unknown=True)
        output = rng.normal(0, scale, (40, 9, classes + 1)).astype(np.float32)
        output[:, :, -1] += 2 * scale
        cases.append((output, spec))
    # Neighbours that differ without a blank between them, repeats across one, a repeat without, nothing at all.
    spec = ReaderSpec(charset=DIGITS)
    for path in ([1, 1, 2, 2, 3], [1, 0, 1, 1, 0], [0, 0, 0], [5, 5, 5], [1, 2, 1, 0, 1], [0, 4]):
        output = np.full((1, len(path), classes), -4.0, np.float32)
        output[0, np.arange(len(path)), path] = 4.0
        cases.append((output, spec))
    cases.append((np.zeros((1, 4, classes), np.float32), spec))  # ties: the first class, the blank
    # From right to left: what is read is another order than what is seen.
    spec = ReaderSpec(charset="אבגل٣12.% ()kg", unknown=True, direction="rtl")
    cases.append((rng.normal(0, 3, (60, 14, spec.classes)).astype(np.float32), spec))
    return cases


def test_decoding_equals_pythons(run_vectors: Run) -> None:
    cases = decoding_cases()
    results = run_vectors(
        [{"kind": "decode", "scores": text(o), "shape": o.shape, "spec": s.to_json()} for o, s in cases]
    )
    for (output, spec), result in zip(cases, results, strict=True):
        wanted = decode(output, spec)
        assert [line["text"] for line in result] == [line.text for line in wanted]
        for got, line in zip(result, wanted, strict=True):
            assert got["confidence"] == pytest.approx(line.confidence, rel=1e-4, abs=1e-9)
            assert [(c["text"], c["start"], c["end"]) for c in got["characters"]] == [
                (c.text, c.start, c.end) for c in line.characters
            ]
            np.testing.assert_allclose(
                [c["confidence"] for c in got["characters"]], [c.confidence for c in line.characters], rtol=1e-4
            )


def test_no_grammar_is_followed_from_right_to_left(run_vectors: Run) -> None:
    output, spec = decoding_cases()[-1]
    [message] = run_vectors(
        [
            {
                "kind": "decode",
                "scores": text(output),
                "shape": output.shape,
                "spec": spec.to_json(),
                "decoding": "grammar",
            }
        ]
    )
    with pytest.raises(SpecError) as refused:
        decode(output, spec, "grammar")
    assert message.replace("LineletError: ", "") == str(refused.value)


SEEN = (
    "kg 75.5 לקשמ", "%5 ةبسن", "75kg نزو", "abc (def)", "(abc)12", "COVID-19", "iOS 15", "5-", "٣٫٥ ةعاس", "]a(",
    "באו $5", "\ufffd 12 בא", "", "(", "a ּבא",
)  # fmt: skip


def test_the_order_of_reading_is_pythons(run_vectors: Run) -> None:
    """Of texts as they occur, and of every class of characters at every place."""
    rng = np.random.default_rng(5)
    letters = [*"אבگاب٣٫12aKกक.,-+%$ ()[]«:/\u05b0\u064eि年£\ufffd"]
    seen = [*SEEN, *("".join(rng.choice(letters, size=int(rng.integers(1, 12)))) for _ in range(3000))]
    results = run_vectors([{"kind": "read", "seen": one} for one in seen])
    for one, result in zip(seen, results, strict=True):
        assert [tuple(place) for place in result] == reading_order(one), one


def test_every_character_has_pythons_class(run_vectors: Run) -> None:
    """What a character is shows in how it joins a digit, a letter from right to left and a Latin one."""
    # All of them but Chinese and Korean letters, which are many.
    points = [c for c in map(chr, (*range(0x20, 0x3100), *range(0xFB00, 0xFFFE))) if category(c)[0] not in "CZM"]
    seen = [f"1{c}2א{c}1 ב{c}ب1{c}2 a1{c}a" for c in points]
    results = run_vectors([{"kind": "read", "seen": one} for one in seen])
    wrong = [s for s, got in zip(seen, results, strict=True) if [tuple(p) for p in got] != reading_order(s)]
    assert not wrong


def written(spec: ReaderSpec) -> dict[str, str]:
    """A reader's spec and automata as its bundle holds them."""
    return {"spec": spec.to_json(), "automata": automata_json(spec)}


BROKEN = {
    "no JSON": "{",
    "another version": '{"version": 2, "fields": {}}',
    "a field's automaton missing": '{"version": 1, "grammar": [[1, {}]], "fields": {}}',
    "no automaton of the grammar": automata_json(ReaderSpec(charset="01", fields=FIELD)),
    "a loop": '{"version": 1, "grammar": [[1, {"0": 0}]], "fields": {}}',
    "a state that is not there": '{"version": 1, "grammar": [[1, {"0": 7}]], "fields": {}}',
}


@pytest.mark.parametrize("automata", BROKEN.values(), ids=BROKEN)
def test_broken_automata_are_refused(run_vectors: Run, automata: str) -> None:
    spec = ReaderSpec(charset="01", grammar=Grammar(forms=("0",)), fields=FIELD)
    [message] = run_vectors([{"kind": "texts", "spec": spec.to_json(), "automata": automata}])
    assert message.startswith("LineletError: automata does not hold the automata of its reader")
    assert message.endswith("convert again")


def test_grammars_have_pythons_texts(run_vectors: Run) -> None:
    rng = np.random.default_rng(5)
    forms = [
        "{x}-{y}",
        "{{{x}}}",
        "{x}{x}",
        "{0.125..0.375:.2f}",
        "{0.5..2.5:.0f}",
        "{0.15..0.85:.1f}",
        "{-0.5..0.5:.1f}",
    ]
    for spec in ("", "d", "03d", "+d", "5d", ",d", ".1f", "06.2f", "+.1f", ",.1f", "8.0f", "-03d", " 03d"):
        for _ in range(8):
            low, high = sorted(rng.integers(-300, 1500, 2).tolist())
            forms.append(f"{{{low}..{high}{':' if spec else ''}{spec}}}")
    for sample in ("1234", "1.234", "1.234,5", "12 345,67", "12,34,567.8", "+1’234"):
        for _ in range(4):
            low, high = sorted(rng.integers(-30000, 300000, 2).tolist())
            forms.append(f"{{{low}..{high if high - low < 3000 else low + 3000} as {sample}}}")
    forms += ["{123456789012345678..123456789012345999:,d}", "{+|-|}{1..2}{ kg| lb|}x", "{5|50}{0|}{ |}{x}"]
    for form in ("%Y-%m-%d", "%-d. %(month) %y", "%(day), %d/%-m", "%d.%m."):
        forms += [f"{{2019-12-20..2020-03-05:{form}}}", f"{{1999-02-01..2009-03-01:{form}}}"]
    forms += [f"{{07:55..22:10:{form}}}" for form in ("%H:%M", "%-I:%M %p", "%-H.%M", "%H", "%I%%")]
    forms.append("{2024-02-27..2024-03-02:%d.%m. %H} Uhr")
    vocabulary = {"x": ("体重", "体", "𠮷"), "y": ("a", "ab", "b")}
    vocabulary |= {"month": ("Jan", "Feb", "März", "April", "Mai", "Juni", "Juli", "Aug", "Sept", "Okt", "Nov", "Dez")}
    vocabulary |= {"day": ("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So")}
    grammars = [Grammar(forms=(form,), vocabulary=vocabulary) for form in forms]
    specs = [ReaderSpec(charset="0", grammar=grammar) for grammar in grammars]
    results = run_vectors([{"kind": "texts", "spec": s.to_json(), "automata": automata_json(s)} for s in specs])
    for grammar, result in zip(grammars, results, strict=True):
        assert sorted(result) == sorted(texts_of(grammar.automaton())), grammar.forms


def texts_of(automaton: Automaton, state: int = 0) -> list[str]:
    own = [""] if automaton.accepting[state] else []
    return own + [c + rest for c, behind in automaton.edges[state].items() for rest in texts_of(automaton, behind)]


GRAMMAR = Grammar(
    forms=("{unit}{0..150:.1f}{unit}", "{7..13}%", "11{unit}"), vocabulary={"unit": ("公斤", "斤", "公公")}
)


def test_decoding_by_a_grammar_equals_pythons(run_vectors: Run) -> None:
    cases = [(o, spec.model_copy(update={"grammar": GRAMMAR})) for o, spec in decoding_cases() if not spec.direction]
    rng = np.random.default_rng(6)
    spec = ReaderSpec(charset=DIGITS, grammar=GRAMMAR, temperature=1.3)
    cases += [(rng.normal(0, scale, (2, 9, len(DIGITS) + 1)).astype(np.float32), spec) for scale in (0.5, 2, 5, 9, 30)]
    results = run_vectors(
        [{"kind": "decode", "scores": text(o), "shape": o.shape, "decoding": "grammar", **written(s)} for o, s in cases]
    )
    for (output, spec), result in zip(cases, results, strict=True):
        wanted = decode(output, spec, "grammar")
        assert [line["text"] for line in result] == [line.text for line in wanted]
        for got, line in zip(result, wanted, strict=True):
            assert got["confidence"] == pytest.approx(line.confidence, rel=1e-3, abs=1e-30)
            assert got["inGrammar"] is line.in_grammar
            assert [(c["text"], c["start"], c["end"]) for c in got["characters"]] == [
                (c.text, c.start, c.end) for c in line.characters
            ]


def test_decodings_that_are_not_there_are_refused(run_vectors: Run) -> None:
    scores = np.zeros((1, 4, len(DIGITS) + 1), np.float32)
    specs = [ReaderSpec(charset=DIGITS), ReaderSpec(charset=DIGITS, grammar=Grammar(forms=("BMI",)))]
    asked = [(specs[0], "grammar"), (specs[1], "grammar"), (specs[0], "beam")]
    messages = run_vectors(
        [
            {"kind": "decode", "scores": text(scores), "shape": scores.shape, "decoding": d, **written(s)}
            for s, d in asked
        ]
        + [
            {
                "kind": "decode",
                "scores": text(scores),
                "shape": scores.shape,
                "decoding": "grammar",
                "spec": specs[1].to_json(),
            }
        ]
    )
    wanted = ("has no grammar; decode greedily", "not in the charset", "beam", "export and convert it again")
    for message, words in zip(messages, wanted, strict=True):
        assert message.startswith("LineletError: ")
        assert words in message


def test_output_of_another_charset_is_refused(run_vectors: Run) -> None:
    output = np.zeros((1, 4, 7), np.float32)
    [message] = run_vectors(
        [{"kind": "decode", "scores": text(output), "shape": [1, 4, 7], "spec": ReaderSpec(charset="012").to_json()}]
    )
    assert "has shape (1, 4, 7), spec.json wants (N, T, 4) for a charset of 3" in message


def test_specs_are_read_as_python_writes_them(run_vectors: Run) -> None:
    specs = [
        ReaderSpec(charset=DIGITS),
        ReaderSpec(charset="01", grammar=Grammar(forms=("{x}{0..9}",), vocabulary={"x": ("0", "10")})),
        ReaderSpec(charset="01", unknown=True, fields={"n": Field(name=("0", "1"), form="{0..9}")}),
        ReaderSpec(charset="אב", direction="rtl"),
        ReaderSpec(charset="𠮷a", blank=2, widths=(32, 64), color="bgr", temperature=2.0),
    ]
    results = run_vectors([{"kind": "spec", "spec": s.to_json()} for s in specs])
    assert results == [json.loads(s.to_json()) for s in specs]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "is a reader spec of version 2, this reader knows version 1"),
        ({"charset": ""}, "charset"),
        ({"charset": "11"}, "more than once"),
        ({"blank": 1}, "must be 0 or 14"),
        ({"heigth": 32}, "unknown key"),
        ({"height": 0}, "whole number from 1"),
        ({"mean": [0.5, 0.5]}, "needs one number or 1"),
        ({"std": [0]}, "holds a zero"),
        ({"layout": "NCT"}, "must be NTC, TNC"),
        ({"widths": [64, 32]}, "must ascend"),
        ({"temperature": 0}, "above 0"),
        ({"grammar": {"forms": []}}, "must hold forms"),
        ({"unknown": 1}, "must be true or false"),
        ({"unknown": True, "blank": 14}, "must be 0, because the last class"),
        ({"charset": "1\ufffd"}, "holds U+FFFD"),
        ({"fields": {"n": {"name": "1"}}}, "must hold a name and a form"),
    ],
)
def test_broken_specs_are_refused(run_vectors: Run, change: dict[str, Any], words: str) -> None:
    spec = json.dumps(json.loads(ReaderSpec(charset=DIGITS).to_json()) | change)
    [message] = run_vectors([{"kind": "spec", "spec": spec}])
    assert message.startswith("LineletError: spec")
    assert words in message


def test_both_sides_accept_and_refuse_the_same_specs(run_vectors: Run) -> None:
    """A table of changes to a good spec, with what both must make of them."""
    table = json.loads((Path(__file__).parents[1] / "spec_table.json").read_text(encoding="utf-8"))
    good = json.loads(ReaderSpec(charset=DIGITS).to_json())
    specs = [json.dumps(good | row["change"]) for row in table]
    found = run_vectors([{"kind": "spec", "spec": spec} for spec in specs])
    for row, spec, in_browser in zip(table, specs, found, strict=True):
        try:
            ReaderSpec.from_json(spec, "spec")
            in_python = True
        except SpecError:
            in_python = False
        refused = isinstance(in_browser, str) and in_browser.startswith("LineletError: spec")
        assert (in_python, not refused) == (row["accepted"], row["accepted"]), (row, in_browser)


def test_onnx_metadata_is_found_and_a_cut_file_refused(run_vectors: Run) -> None:
    spec = ReaderSpec(charset=str(Charset(DIGITS))).to_json()
    weight = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [300], np.arange(300, dtype=np.float32))
    graph = onnx.helper.make_graph([], "empty", [], [], [weight])
    model = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(model, {"linelet_spec": spec, "other": "x"})
    whole = model.SerializeToString()
    cut, found = run_vectors(
        [{"kind": "metadata", "onnx": base64.b64encode(data).decode("ascii")} for data in (whole[:-9], whole)]
    )
    assert found == {"linelet_spec": spec, "other": "x"}
    assert "cut off" in cut
