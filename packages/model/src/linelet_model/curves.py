"""The curve plot of a run: loss and CER over the epochs."""

import io
from collections.abc import Mapping, Sequence
from typing import Any


def draw_curves(history: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """A PNG of the history that metrics.jsonl holds."""
    # Agg draws without a screen; a Figure of its own leaves pyplot's global state alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    loss, error = figure.subplots(1, 2)
    loss.plot(epochs, [row["train_loss"] for row in history], label="training (augmented lines)")
    loss.plot(epochs, [row["loss"] for row in history], label="held-out lines")
    loss.set(title="CTC loss", xlabel="epoch", yscale="log")
    loss.legend()
    error.plot(epochs, [100 * row["cer"] for row in history], label="CER")
    error.plot(epochs, [100 * (1 - row["exact"]) for row in history], label="lines with a mistake")
    error.set(title="held-out lines, %", xlabel="epoch", yscale="symlog", ylim=(0, 100))
    error.legend()
    for axis in (loss, error):
        axis.grid(alpha=0.3)
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.suptitle(title)
    buffer = io.BytesIO()
    canvas.print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()
