"""``dataset.json``: what a dataset is, and whether it is whole.

The charset stands there, so that nobody types it twice.
"""

from pathlib import Path
from typing import Literal

import pydantic

from linelet_common.bidi import Direction
from linelet_common.digests import check_digest
from linelet_common.errors import DatasetError
from linelet_common.fields import Field
from linelet_common.files import read_bytes
from linelet_common.grammar import Grammar
from linelet_common.schema import Checked, parse, read_json

MANIFEST = "dataset.json"
UNFINISHED = "{path} was left unfinished; go on with 'linelet synth ... --out {path} --resume'"


class Manifest(Checked):
    """What every reader of a dataset needs of its dataset.json; what else its maker wrote there is the maker's."""

    model_config = pydantic.ConfigDict(extra="ignore")

    format: Literal["linelet-dataset"] = "linelet-dataset"  # what the file is
    version: Literal[1, 2] = 1  # of this format; 2 where lines run from right to left
    name: str  # the recipe's
    charset: str  # the recipe's, in the order of the classes
    count: int  # samples in all
    seed: int  # that they were drawn with
    recipe_digest: str  # SHA-256 of all that decides the samples
    complete: bool  # false while it is being made
    kind: Literal["lines", "screens"] = "lines"  # what the samples are
    unknown: bool = False  # whether labels write U+FFFD for runs of characters outside the charset
    direction: Direction | None = None  # of lines from right to left
    grammar: Grammar | None = None  # of the recipe's texts, where it can list them
    fields: dict[str, Field] = pydantic.Field(default={})  # the recipe's named values
    digests: dict[str, str] = pydantic.Field(default={})  # SHA-256 of the files that labels stand in; older ones: none

    @classmethod
    def load(cls, folder: Path) -> "Manifest | None":
        """The manifest of a dataset folder; None if it has none. DatasetError if it is broken."""
        path = folder / MANIFEST
        try:
            content = read_bytes(path)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise DatasetError(f"{folder} is a file, not a dataset; name the dataset's folder", place=folder) from None
        except OSError as failure:
            raise DatasetError(f"{path} {failure.strerror}; make the dataset again", place=path) from None
        data = read_json(content, str(path), DatasetError, "make the dataset again")
        if not isinstance(data, dict):
            raise DatasetError(f"{path} is not a JSON object; make the dataset again", place=path)
        return parse(cls, data, str(path), DatasetError)

    def check(self, folder: Path) -> None:
        """DatasetError where a file of a finished dataset is missing, or is not the one that was made."""
        for name, digest in self.digests.items():
            path = folder / name
            if Path(name).name != name or not path.is_file():
                raise DatasetError(
                    f"{path} is missing, which {MANIFEST} lists; copy it there or make the dataset again", place=path
                )
            remedy = f"copy or make it again, or take it out of 'digests' in {MANIFEST} if the change was meant"
            check_digest(path, [digest], MANIFEST, DatasetError, remedy)
