"""Operators that ONNX itself defines as functions of others: those stand in their place."""

from linelet_convert.registry import by_definition

by_definition("Attention", since=23, restrictions="what its operators refuse (a mask of variable width ...)")
by_definition("MeanVarianceNormalization", since=9)
by_definition("RotaryEmbedding", since=23)
by_definition("Shrink", since=9)
