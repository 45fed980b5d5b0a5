"""The package's public names: sorted, all there, and not paid for before they are used."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import linelet_synth


def test_the_public_names_are_sorted_and_there() -> None:
    assert linelet_synth.__all__ == sorted(linelet_synth.__all__)
    for name in linelet_synth.__all__:
        assert getattr(linelet_synth, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = linelet_synth.nothing


def test_the_version_is_the_distributions() -> None:
    assert linelet_synth.__version__ == version("linelet-synth")


def test_importing_the_package_and_its_verbs_imports_nothing_heavy() -> None:
    heavy = ("cv2", "fontTools", "albumentations", "lmdb")
    code = f"import sys, linelet_synth, linelet_synth.verbs; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
