"""Run folders as readers, for whoever asks through the entry point."""

import numpy as np
import pytest
import torch

from linelet_common.reader import onnx_path, shipped_reader
from linelet_model import TorchReader
from linelet_read import OnnxReader, load_reader


@pytest.mark.parametrize("name", ["health-app", "chinese"])
def test_a_shipped_onnx_file_holds_the_same_network_as_its_weights(name):
    folder = shipped_reader(name)
    lines = torch.rand(2, 1, 32, 160, generator=torch.Generator().manual_seed(0)).numpy() * 2 - 1
    found = [r.scores(lines) for r in (TorchReader(folder), OnnxReader(onnx_path(name)))]
    np.testing.assert_allclose(*found, atol=1e-4)


def test_a_run_folder_is_a_kind_of_reader(run_folder):
    assert isinstance(load_reader(run_folder), TorchReader)
