import subprocess
import sys

import pytest

from linelet_common.cli import HOMES, main, one_line
from linelet_common.files import write_atomically


def test_help_exits_with_0_and_imports_nothing_heavy():
    code = (
        "import sys; from linelet_common.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit as e: assert e.code == 0\n"
        "heavy = {'torch', 'cv2', 'onnx', 'onnxruntime', 'albumentations', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_an_unknown_verb_names_the_nearest(capsys):
    assert main(["demmo"]) == 2
    assert capsys.readouterr().err == "linelet demmo: unknown verb 'demmo'; did you mean 'demo'?\n"


def test_a_verb_of_a_package_that_is_not_installed_names_it(capsys, monkeypatch):
    monkeypatch.setattr("linelet_common.cli.installed_verbs", dict)
    assert main(["train"]) == 2
    assert "pip install linelet-model" in capsys.readouterr().err


def test_wrong_arguments_are_one_line(capsys):
    assert main(["demo", "--outt", "x"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_empty_argument_is_not_the_current_folder(capsys):
    assert main(["evaluate", "health-app", "--data", ""]) == 2
    assert "argument 4 is empty; a variable of the shell may not be set" in capsys.readouterr().err


def test_every_verb_has_a_home():
    from linelet_common.cli import installed_verbs

    assert set(installed_verbs()) <= set(HOMES)


def test_messages_are_one_printable_line():
    assert one_line("a\nb\x1b[31m体") == "a\\nb\\x1b[31m体"


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    write_atomically(tmp_path / "new" / "x.txt", "体")
    assert (tmp_path / "new" / "x.txt").read_text(encoding="utf-8") == "体"
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "y.txt", 3)  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["new"]
