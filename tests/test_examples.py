"""Every example runs as it stands, with small figures."""

import json
from pathlib import Path

from linelet_common.cli import main

ROOT = Path(__file__).parents[1]


def test_the_kaggle_notebook_runs_from_packed_dataset_to_zipped_bundle(whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["pack", str(whole.lines), "--out", str(tmp_path / "lines.zip")]) == 0
    notebook = json.loads((ROOT / "examples" / "kaggle.ipynb").read_text(encoding="utf-8"))
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] != "code" or "install" in tags:
            continue
        exec("".join(cell["source"]), names)
        if "settings" in tags:
            names |= {"PACKED": tmp_path / "lines.zip", "WORK": tmp_path, "DEVICE": "cpu"}
            # Steps, not minutes: a busy machine must not train less.
            names["TRAINING"] = ["--epochs", 4, "--batch", 32]
    assert (tmp_path / "bundle.zip").stat().st_size > 100_000
    assert (tmp_path / "bundle" / "model.json").exists()
