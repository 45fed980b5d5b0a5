"""Convert ONNX text-line recognisers to TensorFlow.js; ``linelet_convert.convert.convert`` is the command as a call."""

__all__: list[str] = []
