"""A dataset as one zip, to be uploaded, e.g. as a Kaggle dataset. The same dataset gives the same bytes."""

import zipfile
from pathlib import Path

from linelet_common.datasets import open_dataset
from linelet_common.errors import UsageError
from linelet_common.files import output_file, real
from linelet_common.folder import FolderDataset

# PNG, LMDB and tar shards of PNG are compressed already.
_SQUEEZED = (".txt", ".json", ".jsonl", ".toml")
_NOT_DATA = ("lock.mdb",)


def pack(dataset: Path, out: Path, follow_links: bool = False) -> int:
    """Zip a dataset folder under its own name; returns the number of lines.

    DatasetError if it is unfinished or lacks pictures. follow_links: put what links lead to into the zip; else
    UsageError for a link, or a folder that is one.
    """
    opened = open_dataset(dataset, follow_links)
    if isinstance(opened, FolderDataset):
        opened.check_pictures()
    lines = len(opened)
    if real(out).is_relative_to(real(dataset)):
        raise UsageError(f"{out} lies inside {dataset}; name a place outside it with --out", place=out)
    with output_file(out) as whole, zipfile.ZipFile(whole, "w") as archive:
        archive.comment = b"Linelet dataset"
        for path in sorted(dataset.rglob("*")):
            if path.is_symlink() and not follow_links:
                raise UsageError(
                    f"{path} is a link; copy the file there, or follow links with --follow-links",
                    place=path,
                )
            if path.is_file() and path.name not in _NOT_DATA:
                name = f"{real(dataset).name}/{path.relative_to(dataset).as_posix()}"
                entry = zipfile.ZipInfo(name)  # dated 1980: a zip must not depend on when it was made
                entry.compress_type = zipfile.ZIP_DEFLATED if path.suffix in _SQUEEZED else zipfile.ZIP_STORED
                with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as target:
                    while block := file.read(1 << 20):
                        target.write(block)
    return lines
