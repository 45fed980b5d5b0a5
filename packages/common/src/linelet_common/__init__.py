"""The contract every Linelet package keeps: charset, CTC codec, reader spec, preprocessing, line datasets, errors."""

from linelet_common.charset import Charset
from linelet_common.codec import UNKNOWN, Character, Codec, Reading, frames_needed
from linelet_common.datasets import open_dataset
from linelet_common.errors import LineletError
from linelet_common.lines import LineDataset
from linelet_common.preprocess import load_image, prepare
from linelet_common.reader import Reader
from linelet_common.spec import ReaderSpec
from linelet_common.version import __version__

__all__ = [
    "UNKNOWN",
    "Character",
    "Charset",
    "Codec",
    "LineDataset",
    "LineletError",
    "Reader",
    "ReaderSpec",
    "Reading",
    "__version__",
    "frames_needed",
    "load_image",
    "open_dataset",
    "prepare",
]
