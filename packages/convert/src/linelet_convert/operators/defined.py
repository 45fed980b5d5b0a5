"""Operators that ONNX itself defines as functions of others: those stand in their place."""

from linelet_convert.registry import by_definition

by_definition("AffineGrid", since=20, restrictions="a size computed from the network's numbers")
by_definition("Attention", since=23, restrictions="what its operators refuse (a mask of variable width ...)")
by_definition("CenterCropPad", since=18, restrictions="a shape computed from the network's numbers")
by_definition("MeanVarianceNormalization", since=9)
by_definition("RotaryEmbedding", since=23)
by_definition("Shrink", since=9)
