"""The contract every Linelet package keeps: charset, CTC codec, reader spec, preprocessing, line datasets, errors."""

from linelet_common.charset import Charset
from linelet_common.codec import Character, Codec, Reading, frames_needed
from linelet_common.datasets import LineDataset, open_dataset
from linelet_common.errors import LineletError
from linelet_common.preprocess import load_image, prepare
from linelet_common.reader import Reader, read_lines
from linelet_common.spec import ReaderSpec

__all__ = [
    "Character",
    "Charset",
    "Codec",
    "LineDataset",
    "LineletError",
    "Reader",
    "ReaderSpec",
    "Reading",
    "frames_needed",
    "load_image",
    "open_dataset",
    "prepare",
    "read_lines",
]
