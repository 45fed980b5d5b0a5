"""A finder's run folder.

run.json             settings, data and versions: what was done
finder.json          the finder's spec
weights.safetensors  the moving average of the weights after the last epoch
checkpoint.pt        all that a resumed training needs: a plain dict that loads with weights_only=True
metrics.jsonl        one JSON object per epoch
"""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from linelet_common.boxes import FILE_NAME, FinderSpec
from linelet_common.errors import ReaderError, SpecError
from linelet_common.files import read_bytes
from linelet_model.networks.finder import Finder
from linelet_model.run import WEIGHTS, check_file


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
    network, path = Finder(), folder / WEIGHTS
    try:
        network.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise ReaderError(f"{folder} has no {WEIGHTS} yet; let its first epoch finish", place=folder) from None
    except (SafetensorError, OSError) as failure:
        raise ReaderError(f"{path} is damaged ({failure}); train again", place=path) from None
    except RuntimeError as failure:
        first = str(failure).splitlines()[-1].strip()
        raise ReaderError(f"{path} does not fit the finder's network ({first}); train again", place=path) from None
    return network.eval(), spec
