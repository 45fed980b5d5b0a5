"""A finder's run folder.

run.json             settings, data and versions: what was done
finder.json          the finder's spec
weights.safetensors  the moving average of the weights after the last epoch
checkpoint.pt        all that a resumed training needs: a plain dict that loads with weights_only=True
metrics.jsonl        one JSON object per epoch
"""

from pathlib import Path

from torch import nn

from linelet_common.boxes import FILE_NAME, FinderSpec
from linelet_common.errors import SpecError
from linelet_common.files import read_bytes
from linelet_model.networks.finder import Finder
from linelet_model.run import WEIGHTS, check_file, load_weights


def load_finder(folder: Path) -> tuple[nn.Module, FinderSpec]:
    """The trained network of a finder's run folder, on the CPU and in evaluation mode, and its spec."""
    for name in (FILE_NAME, WEIGHTS):
        check_file(folder, name)
    try:
        spec = FinderSpec.from_json(read_bytes(folder / FILE_NAME), str(folder / FILE_NAME))
    except OSError as failure:
        raise SpecError(
            f"{folder / FILE_NAME}: {failure.strerror}; a finder needs its {FILE_NAME}", place=folder / FILE_NAME
        ) from None
    network = Finder()
    load_weights(folder, network, "the finder's network")
    return network.eval(), spec
