"""The same checks on CUDA, compared with the CPU. Skipped, saying so, where torch finds no CUDA device."""

import json

import numpy as np
import pytest
import torch

from linelet_common.datasets import open_dataset
from linelet_model.settings import Settings
from linelet_model.training import train
from linelet_read import load_reader
from linelet_read.evaluation import evaluate

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")]


def losses(folder):
    return [json.loads(line)["train_loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_cuda_gives_the_losses_of_the_cpu(digits, tmp_path):
    settings = {"data": (str(digits),), "epochs": 1, "precision": "fp32", "lr": 1e-5, "threads": 1}
    for device in ("cpu", "cuda"):
        train(Settings(**settings, device=device), tmp_path / device)
    np.testing.assert_allclose(losses(tmp_path / "cuda"), losses(tmp_path / "cpu"), rtol=1e-2)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_precision_learns_on_cuda(digits, unseen, tmp_path, precision):
    settings = Settings(data=(str(digits),), epochs=14, batch=32, precision=precision, device="cuda")
    train(settings, tmp_path / "run")
    assert evaluate(load_reader(tmp_path / "run"), open_dataset(unseen)).exact >= 0.9


def test_a_run_goes_on_from_cuda_on_the_cpu(digits, tmp_path):
    base = {"data": (str(digits),), "epochs": 1, "threads": 1}
    train(Settings(**base, device="cuda"), tmp_path / "run")
    train(Settings(**base, device="cpu", start=str(tmp_path / "run")), tmp_path / "next")
    assert losses(tmp_path / "next")
