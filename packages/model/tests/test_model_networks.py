import importlib.util

import pytest
import torch

from linelet_common.errors import TrainingError
from linelet_model.networks import NETWORKS, network_class
from linelet_model.onnx_export import export
from linelet_model.settings import Settings
from linelet_model.training import train


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("width", [32, 96, 224])
def test_shapes_are_what_the_class_says(name, width):
    kind = network_class(name)
    network = kind(79).eval()
    with torch.inference_mode():
        scores = network(torch.zeros(2, 1, kind.height, width))
    assert scores.shape == (2, width // kind.stride - kind.frames_lost, 79)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("light-conv", 478_831), ("light-gru", 0.628e6), ("reference-gru", 6.775e6), ("reference-lstm", 8.7e6)],
)
def test_sizes_are_what_the_documentation_says(name, parameters):
    found = sum(p.numel() for p in network_class(name)(79).parameters())
    assert found == pytest.approx(parameters, rel=0.06)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_line_is_read_alike_alone_and_in_a_batch(name):
    network = network_class(name)(12).eval()
    lines = torch.rand(3, 1, 32, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(network(lines)[1:2], network(lines[1:2]), rtol=1e-4, atol=1e-5)


def test_an_unknown_network_names_the_nearest():
    with pytest.raises(TrainingError, match="unknown network 'light-conf'; did you mean 'light-conv'"):
        network_class("light-conf")


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is not None, reason="this is what happens without it")
def test_a_network_without_its_library_says_what_to_install():
    with pytest.raises(TrainingError, match=r"pip install 'linelet-model\[torchvision\]'"):
        network_class("resnet-18")


@pytest.mark.torchvision
@pytest.mark.parametrize(("name", "epochs"), [("mobilenet-v3-small", 6), ("resnet-18", 1)])
def test_a_torchvision_backbone_learns_and_is_exported(name, epochs, digits, tmp_path):
    settings = Settings(data=(str(digits),), network=name, epochs=epochs, batch=16, threads=1)
    assert train(settings, tmp_path / "run").exact > 0.7
    assert export(tmp_path / "run", tmp_path / "reader.onnx") < 1e-4
