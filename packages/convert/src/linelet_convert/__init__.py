"""ONNX text-line recognisers to TensorFlow.js, exact, without TensorFlow: see ``linelet_convert.convert``."""
