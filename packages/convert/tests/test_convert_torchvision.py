"""Networks on torchvision's backbones: hard swish and squeeze-and-excitation, at any width."""

import warnings

import onnx
import pytest

from linelet_common.spec import ONNX_KEY, ReaderSpec
from linelet_convert.conversion import convert

pytestmark = pytest.mark.torchvision


@pytest.mark.parametrize("name", ["mobilenet-v3-small", "resnet-18"])
def test_a_network_on_torchvisions_backbone_converts_exactly(name, tmp_path):
    import torch

    from linelet_model.networks import network_class

    path = tmp_path / "reader.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network_class(name)(12).eval(), (torch.zeros(2, 1, 32, 128),), str(path), dynamo=False, opset_version=17,
            input_names=["images"], output_names=["scores"],
            dynamic_axes={"images": {0: "batch", 3: "width"}, "scores": {0: "batch", 1: "frames"}},
        )  # fmt: skip
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {ONNX_KEY: ReaderSpec(charset="0123456789.", network=name).to_json()})
    onnx.save(model, path)
    check = convert(path, tmp_path / "bundle").check
    assert check.max_difference < 1e-4
    assert check.lines == check.texts_equal > 0
