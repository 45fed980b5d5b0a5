import json

import numpy as np
import onnx
import pytest
from PIL import Image, ImageDraw, ImageFont

from linelet_common import ReaderSpec, automata, load_image
from linelet_common.cli import main
from linelet_common.datasets import open_dataset
from linelet_common.errors import ReaderError, UsageError
from linelet_model import run
from linelet_model.networks import NETWORKS, network_class
from linelet_model.onnx_export import export
from linelet_read import OnnxReader, load_reader, read_lines
from linelet_read.evaluation import evaluate


@pytest.fixture(scope="module")
def onnx_file(run_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "reader.onnx"
    assert export(run_folder, path) < 1e-4
    return path


def test_the_exported_reader_gives_the_same_texts(run_folder, onnx_file, unseen):
    dataset = open_dataset(unseen)
    torch_lines = evaluate(load_reader(run_folder), dataset).lines
    onnx_lines = evaluate(load_reader(onnx_file), dataset).lines
    assert [x.reading.text for x in torch_lines] == [x.reading.text for x in onnx_lines]
    confidences = [[x.reading.confidence for x in lines] for lines in (torch_lines, onnx_lines)]
    np.testing.assert_allclose(*confidences, atol=1e-4)


def test_the_spec_travels_in_the_file(run_folder, onnx_file):
    assert OnnxReader(onnx_file).spec == ReaderSpec.load(run_folder / "spec.json")
    assert onnx.load(onnx_file).opset_import[0].version == 17


def test_the_automata_of_its_forms_travel_in_the_file(run_folder, onnx_file):
    metadata = {entry.key: entry.value for entry in onnx.load(onnx_file).metadata_props}
    assert metadata[automata.ONNX_KEY] == automata.automata_json(ReaderSpec.load(run_folder / "spec.json"))
    assert json.loads(metadata[automata.ONNX_KEY])["grammar"]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_exports_at_any_batch_and_width(name, tmp_path):
    """Untrained weights: the check inside export compares with torch at batches and widths it was not traced at."""
    kind = network_class(name)
    spec = ReaderSpec(charset="0123456789", network=name, stride=kind.stride, frames_lost=kind.frames_lost)
    (tmp_path / "run.json").write_text('{"version": 1}')
    (tmp_path / "spec.json").write_text(spec.to_json())
    run.write_weights(tmp_path, kind(spec.classes).state_dict())
    assert export(tmp_path, tmp_path / "x.onnx") < 1e-4
    operators = [node.op_type for node in onnx.load(tmp_path / "x.onnx").graph.node]
    assert "BatchNormalization" not in operators
    assert operators.count("GRU") == name.endswith("gru")
    assert operators.count("LSTM") == 2 * name.endswith("lstm")


def test_an_export_that_differs_is_never_written(run_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("linelet_model.onnx_export.TOLERANCE", 0.0)
    with pytest.raises(ReaderError, match="differs from torch"):
        export(run_folder, tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_export_takes_the_place_of_an_export_only(run_folder, tmp_path):
    out = tmp_path / "reader.onnx"
    out.write_text("mine")
    with pytest.raises(UsageError, match=r"reader\.onnx was not written by linelet; name another place"):
        export(run_folder, out)
    assert out.read_text() == "mine"
    out.unlink()
    export(run_folder, out)
    export(run_folder, out)


def test_reading_from_the_command_line(onnx_file, tmp_path, capsys):
    font = ImageFont.load_default(24)
    left, top, right, bottom = font.getbbox("62.1")
    image = Image.new("RGB", (int(right - left) + 12, int(bottom - top) + 8), "white")
    ImageDraw.Draw(image).text((6 - left, 4 - top), "62.1", font=font, fill=(60, 60, 60))
    image.save(tmp_path / "a.png")
    assert main(["read", str(onnx_file), str(tmp_path / "a.png"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    (reading,) = read_lines(load_reader(onnx_file), [load_image(tmp_path / "a.png")])
    box = {"x": 0, "y": 0, "width": image.width, "height": image.height}
    line = {"text": reading.text, "confidence": round(reading.confidence, 4), "box": box}
    assert row == {"image": str(tmp_path / "a.png"), "lines": [line], "fields": {}}
    assert reading.text == "62.1"


def test_evaluating_from_the_command_line(onnx_file, unseen, capsys):
    assert main(["evaluate", str(onnx_file), "--data", str(unseen), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["lines"] == 200
    assert 0.9 <= result["exact"] <= 1
    assert len(result["mistakes"]) == round(200 * (1 - result["exact"]))


def test_decoding_by_the_grammar_from_the_command_line(run_folder, onnx_file, unseen, tmp_path, capsys):
    picture = str(unseen / "images/0.png")
    assert main(["read", str(onnx_file), picture, "--decode", "grammar", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    (reading,) = read_lines(load_reader(onnx_file), [load_image(picture)], decoding="grammar")
    assert row["lines"][0]["text"] == reading.text
    assert main(["evaluate", str(run_folder), "--data", str(unseen), "--decode", "grammar", "--json"]) == 0
    mistakes = json.loads(capsys.readouterr().out)["mistakes"]
    automaton = load_reader(onnx_file).spec.grammar.automaton()
    greedy = {
        line["image"]: line["read"]
        for line in evaluate(load_reader(onnx_file), open_dataset(unseen)).summary()["mistakes"]
    }
    # What is read is of the grammar, or what greedy decoding makes of the line.
    assert all(automaton.accepts(line["read"]) or line["read"] == greedy[line["image"]] for line in mistakes)
    # Most labels here are random, beyond the grammar: it must not misread a text that it holds.
    assert [line for line in mistakes if automaton.accepts(line["label"]) and line["confidence"] > 0.9] == []

    bare = onnx.load(onnx_file)
    spec = json.loads(bare.metadata_props[0].value)
    onnx.helper.set_model_props(bare, {"linelet_spec": json.dumps({k: v for k, v in spec.items() if k != "grammar"})})
    onnx.save(bare, tmp_path / "bare.onnx")
    for command in (
        ["read", str(tmp_path / "bare.onnx"), picture],
        ["evaluate", str(tmp_path / "bare.onnx"), "--data", str(unseen)],
    ):
        assert main([*command, "--decode", "grammar"]) == 2
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert "the reader 'digits' has no grammar; decode greedily" in message


def broken(onnx_file, folder, kind):
    path = folder / "broken.onnx"
    if kind == "no spec":
        model = onnx.load(onnx_file)
        del model.metadata_props[:]
        onnx.save(model, path)
    elif kind == "truncated":
        path.write_bytes(onnx_file.read_bytes()[:5000])
    elif kind == "text":
        path.write_text("hello")
    elif kind == "version":
        model = onnx.load(onnx_file)
        spec = json.loads(model.metadata_props[0].value)
        onnx.helper.set_model_props(model, {"linelet_spec": json.dumps({**spec, "version": 9})})
        onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no spec", "carries no reader spec"),
        ("truncated", "is not an ONNX model"),
        ("text", "is not an ONNX model"),
        ("version", "version 9, this Linelet reads version 1"),
        ("missing", "no such reader"),
    ],
)
def test_a_broken_onnx_file_is_one_line_and_exit_code_2(onnx_file, unseen, tmp_path, capsys, kind, message):
    path = broken(onnx_file, tmp_path, kind)
    assert main(["evaluate", str(path), "--data", str(unseen)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert str(path) in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n1234"])
def test_a_broken_picture_is_one_line_and_exit_code_2(onnx_file, tmp_path, capsys, content):
    (tmp_path / "x.png").write_bytes(content)
    assert main(["read", str(onnx_file), str(tmp_path / "x.png")]) == 2
    error = capsys.readouterr().err
    assert str(tmp_path / "x.png") in error
    assert error.count("\n") == 1
