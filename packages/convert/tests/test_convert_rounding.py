"""Weights rounded by what is multiplied with them: what counts is the sum, and that must err less."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_convert.interpreter import OPERATORS, Interpreter, patches
from linelet_convert.rounding import fit, round_network
from linelet_convert.tfgraph import Array, Builder, Node, Tensor, prune
from linelet_convert.tfjs import Stored, restore, store, write_model


def numbers(stored: Stored, like: Array) -> Array:
    return restore(stored.data, {"shape": list(like.shape), "dtype": "float32", "quantization": stored.quantization})


@given(seed=st.integers(0, 2**32 - 1), alike=st.integers(2, 12))
def test_sums_over_inputs_that_are_alike_err_less_than_with_the_nearest_levels(seed: int, alike: int) -> None:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(300, alike)) @ rng.normal(size=(alike, 48)) + rng.normal(0, 0.05, (300, 48))
    weights = rng.normal(size=(3, 4, 4, 20)).astype(np.float32)
    stored, rounded, _ = fit(weights, None, inputs, inputs)
    np.testing.assert_array_equal(numbers(stored, weights), rounded)
    nearest = numbers(store(weights, "uint8"), weights)
    errors = [np.linalg.norm(inputs @ (some - weights).reshape(48, 20)) for some in (rounded, nearest)]
    assert errors[0] < 0.7 * errors[1]


def test_a_bias_takes_away_what_rounding_adds_on_an_average() -> None:
    rng = np.random.default_rng(4)
    inputs = rng.uniform(0, 1, (500, 6))
    weights, bias = rng.normal(size=(6, 30)).astype(np.float32), rng.normal(size=30).astype(np.float32)
    _, rounded, adapted = fit(weights, bias, inputs, inputs)
    assert adapted is not None
    gap = inputs @ rounded + adapted - (inputs @ weights + bias)
    np.testing.assert_allclose(gap.mean(axis=0), 0, atol=1e-5)


def test_a_layer_makes_up_for_other_inputs_than_it_was_trained_on() -> None:
    """Inputs that came out a tenth too large: the sums are right all the same."""
    rng = np.random.default_rng(5)
    inputs, weights = rng.normal(size=(400, 10)), rng.normal(size=(10, 8)).astype(np.float32)
    _, rounded, _ = fit(weights, None, inputs, 1.1 * inputs)
    np.testing.assert_allclose(rounded, weights / 1.1, atol=0.03)


def test_weights_of_inputs_that_never_come_are_rounded_to_the_nearest_level() -> None:
    weights = np.random.default_rng(1).normal(size=(1, 1, 8, 5)).astype(np.float32)
    stored, _, _ = fit(weights, None, np.zeros((9, 8)), np.zeros((9, 8)))
    np.testing.assert_allclose(numbers(stored, weights), numbers(store(weights, "uint8"), weights), atol=1e-6)


@pytest.mark.parametrize("padding", [(), (0, 0, 1, 0, 2, 1, 0, 0)])
@pytest.mark.parametrize(("strides", "dilations"), [((2, 1), (1, 1)), ((1, 1), (1, 2))])
def test_patches_are_what_a_convolution_sums_over(
    padding: tuple[int, ...], strides: tuple[int, int], dilations: tuple[int, int]
) -> None:
    rng = np.random.default_rng(2)
    x, filters = rng.normal(size=(2, 6, 9, 3)), rng.normal(size=(3, 2, 3, 4))
    attributes = {
        "strides": [1, *strides, 1],
        "dilations": [1, *dilations, 1],
        "padding": "EXPLICIT" if padding else "VALID",
        "explicit_paddings": list(padding),
    }
    wanted = OPERATORS["_FusedConv2D"](attributes, x, filters)
    got = patches(attributes, x, (3, 2)) @ filters.reshape(-1, 4)
    np.testing.assert_allclose(got, np.reshape(wanted, (-1, 4)), atol=1e-5)


def test_a_networks_weights_become_uint8_and_its_outputs_stay(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    g = Builder(1)
    images = g.placeholder("images", np.array([[50, 20]]), "float32")
    first, second = rng.normal(size=(20, 16)).astype(np.float32), rng.normal(size=(16, 6)).astype(np.float32)
    last = g.matmul(g.unary("Relu", g.matmul(images, g.constant(first))), g.constant(second))
    out = Node(g.name("scores"), "Identity", [last])
    graph = prune([*g.nodes, out], {"images": images}, {"scores": Tensor(out, 0, last.shape, last.dtype)})
    model = tmp_path / "model.json"
    write_model(tmp_path, {model.name: graph}, {})
    mix = rng.normal(size=(4, 20))
    batches = [(rng.normal(size=(50, 4)) @ mix).astype(np.float32) for _ in range(4)]
    names = {node.name for node in graph.constants}
    stored, biases = round_network(model, names, [{"images": b} for b in batches[:3]])
    assert (set(stored), biases) == (names, {})
    wanted = Interpreter(model).run({"images": batches[3]})["scores"]
    errors = []
    for kinds in (stored, dict.fromkeys(names, "uint8")):
        write_model(tmp_path, {model.name: graph}, kinds)
        errors.append(np.abs(Interpreter(model).run({"images": batches[3]})["scores"] - wanted).mean())
    assert errors[0] < 0.5 * errors[1]


def test_weights_that_steps_share_are_left_to_the_nearest_level(tmp_path: Path) -> None:
    """Each step sees other inputs, the first one of a recurrence none at all."""
    g = Builder(1)
    images = g.placeholder("images", np.array([[5, 8]]), "float32")
    weights = g.constant(np.random.default_rng(6).normal(size=(8, 8)).astype(np.float32))
    last = g.matmul(g.unary("Relu", g.matmul(images, weights)), weights)
    out = Node(g.name("scores"), "Identity", [last])
    graph = prune([*g.nodes, out], {"images": images}, {"scores": Tensor(out, 0, last.shape, last.dtype)})
    write_model(tmp_path, {"model.json": graph}, {})
    batches = [np.ones((5, 8), np.float32)]
    assert round_network(tmp_path / "model.json", {weights.node.name}, [{"images": b} for b in batches]) == ({}, {})
