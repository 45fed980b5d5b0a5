"""Line datasets of every form: a folder with labels.txt, LMDB, tar shards.

Every form carries a ``dataset.json`` that says what it is and whether it is whole. A folder of real crops may lack it.
"""

from pathlib import Path

from linelet_common.errors import DatasetError
from linelet_common.folder import LABELS, FolderDataset
from linelet_common.lines import LineDataset
from linelet_common.manifest import UNFINISHED, Manifest
from linelet_common.stored import LmdbDataset, TarDataset


def open_dataset(path: str | Path, follow_links: bool = False) -> LineDataset:
    """Open a dataset of any form that Linelet reads. follow_links: read pictures that are links out of its folder."""
    path = Path(path)
    if not path.exists():
        remedy = f"make one with 'linelet synth RECIPE --out {path} --count 10000'"
        raise DatasetError(f"{path}: no such dataset; {remedy}", place=path)
    manifest = Manifest.load(path)
    if manifest and manifest.kind != "lines":
        raise DatasetError(
            f"{path} is a dataset of {manifest.kind}, not of lines; make one with 'linelet synth RECIPE --out DIR "
            "--count 10000'",
            place=path,
        )
    if manifest and manifest.complete:
        manifest.check(path)  # first: a damaged LMDB can end the process
    dataset = _opened(path, follow_links)
    if dataset.manifest and not dataset.manifest.complete:
        raise DatasetError(UNFINISHED.format(path=path))
    return dataset


def _opened(path: Path, follow_links: bool) -> LineDataset:
    if (path / "data.mdb").exists():
        return LmdbDataset(path)
    if not (path / LABELS).exists() and next(path.glob("*.tar"), None):
        return TarDataset(path)
    return FolderDataset(path, follow_links)
