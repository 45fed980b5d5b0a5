"""What the browser knows of the spec is generated from Python's definition of it."""

import importlib.util
from pathlib import Path

TOOL = Path(__file__).parents[1] / "tools" / "make_spec.py"


def test_the_browsers_rules_and_types_are_up_to_date():
    """Regenerate with: python packages/convert/tools/make_spec.py"""
    spec = importlib.util.spec_from_file_location("make_spec", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert (tool.READER / "spec-rules.js").read_text(encoding="utf-8") == tool.javascript()
    assert (tool.READER / "spec-types.d.ts").read_text(encoding="utf-8") == tool.typescript()
