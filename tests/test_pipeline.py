"""The whole way: what one stage writes the next one reads, and nothing changes on it."""

import json

import onnx
import pytest

from linelet_common import ReaderSpec, open_dataset
from linelet_common.cli import main
from linelet_read import load_reader
from linelet_read.evaluation import evaluate


def run_json(capsys, *words):
    capsys.readouterr()
    assert main([str(word) for word in words]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_reader_reads_unseen_lines(whole, capsys):
    result = run_json(capsys, "evaluate", whole.onnx, "--data", whole.unseen, "--json")
    assert result["lines"] == 200
    assert result["exact"] >= 0.9
    assert 0 <= result["cer"] <= 0.05


def test_torch_and_onnx_give_the_same_texts(whole):
    dataset = open_dataset(whole.unseen)
    texts = [[x.reading.text for x in evaluate(load_reader(r), dataset).lines] for r in (whole.run, whole.onnx)]
    assert texts[0] == texts[1]


def test_one_spec_travels_from_the_recipe_to_the_bundle(whole):
    recorded = ReaderSpec.load(whole.run / "spec.json")
    (entry,) = [p.value for p in onnx.load(whole.onnx).metadata_props if p.key == "linelet_spec"]
    assert ReaderSpec.from_json(entry, "onnx") == recorded
    assert ReaderSpec.load(whole.bundle / "spec.json") == recorded
    assert recorded.charset == "0123456789.kg"
    assert recorded.name == "scale"


def test_the_bundle_is_a_graph_model_that_was_checked(whole):
    assert json.loads((whole.bundle / "model.json").read_text())["format"] == "graph-model"
    assert (whole.bundle / "conversion.json").exists()


def test_the_recipes_fields_travel_to_reader_and_bundle(whole):
    fields = {"load": {"name": "kg", "form": "{40..110:.1f}"}}
    for place in (whole.lines / "dataset.json", whole.run / "spec.json", whole.bundle / "spec.json"):
        assert json.loads(place.read_text(encoding="utf-8"))["fields"] == fields, place
    assert load_reader(whole.onnx).spec.fields.keys() == fields.keys()


def test_reading_a_line_from_the_command_line(whole, capsys):
    dataset = open_dataset(whole.unseen)
    images = [whole.unseen / dataset.name(i) for i in range(20)]
    rows = run_json(capsys, "read", whole.onnx, *images, "--json")
    assert [row["image"] for row in rows] == [str(i) for i in images]
    lines = [row["lines"][0] for row in rows]
    assert all(len(row["lines"]) == 1 and 0 <= row["lines"][0]["confidence"] <= 1 for row in rows)
    assert sum(line["text"] == dataset.label(i) for i, line in enumerate(lines)) >= 16


def test_training_straight_from_the_recipe(whole, tmp_path):
    words = ["train", "--recipe", whole.recipe, "--out", tmp_path / "run", "--epochs", 1, "--epoch-lines", 300]
    assert main([str(word) for word in [*words, "--threads", 1]]) == 0
    assert ReaderSpec.load(tmp_path / "run" / "spec.json").charset == "0123456789.kg"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["synth", "none.toml", "--out", "o", "--count", "1"], "none.toml"),
        (["synth", "health-app", "--out", "o", "--count", "0"], "'0' is not a whole number above 0"),
        (["train", "--data", "none", "--out", "o"], "none: no such dataset"),
        (["evaluate", "none.onnx", "--data", "none"], "none.onnx: no such reader"),
        (["read", "none.onnx", "x.png"], "none.onnx: no such reader"),
        (["export", "none", "--out", "o.onnx"], "none is not a run folder"),
        (["convert", "none.onnx", "--out", "o"], "none.onnx"),
        (["serve", "none"], "none"),
        (["evaluate", "{onnx}", "--data", "none"], "none: no such dataset"),
        (["read", "{onnx}", "none.png"], "none.png: no such file"),
    ],
)
def test_bad_input_is_one_line_with_its_value_and_exit_code_2(words, message, whole, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert main([word.replace("{onnx}", str(whole.onnx)) for word in words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_vocabulary_that_the_charset_cannot_encode_is_refused_naming_the_characters(tmp_path, capsys):
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "x"\ncharset = "偏高低"\n[vocabulary]\nstatus = ["偏高", "正常"]\n[[texts]]\nforms = ["{status}"]\n'
    )
    assert main(["synth", str(recipe), "--out", str(tmp_path / "o"), "--count", "3"]) == 2
    error = capsys.readouterr().err
    assert "'正' (U+6B63), '常' (U+5E38)" in error
    assert not (tmp_path / "o").exists()
