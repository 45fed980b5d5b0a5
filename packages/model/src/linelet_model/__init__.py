"""Train light CTC recognisers of text lines, evaluate them, export them to ONNX."""

from linelet_model.networks import NETWORKS
from linelet_model.readers import OnnxReader, TorchReader, open_reader
from linelet_model.settings import Settings

__all__ = ["NETWORKS", "OnnxReader", "Settings", "TorchReader", "open_reader"]
