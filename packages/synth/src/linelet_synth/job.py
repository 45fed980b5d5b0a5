"""What a dataset holds: recipe, seed, count and the rest of what its content depends on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linelet_synth.contents import Content, LineContent
from linelet_synth.recipe import Recipe
from linelet_synth.screens.content import ScreenContent
from linelet_synth.screens.source import ScreenSource
from linelet_synth.source import Source
from linelet_synth.storage import STORAGES, Storage, chunk_size


@dataclass(frozen=True)
class Job:
    """All that the content of a dataset depends on. storage: folder, lmdb or webdataset.

    screens: whole screens instead of lines; these have neither looks nor details.
    """

    recipe: Recipe
    seed: int
    count: int
    look: str | None = None
    split: str = "all"
    grey: bool = False
    storage: str = "folder"
    details: bool = False
    screens: bool = False

    def source(self) -> Source:
        """The lines."""
        return Source(self.recipe, self.seed, self.look, self.split, rgb=not self.grey)

    def content(self) -> Content:
        """The samples as bytes."""
        if self.screens:
            return ScreenContent(ScreenSource(self.recipe, self.seed, self.split, rgb=not self.grey))
        return LineContent(self.source(), self.details)

    def open_storage(self, out: Path, content: Content) -> Storage:
        """Where they go."""
        return STORAGES[self.storage](out, content)

    def _chunk(self) -> int:
        return chunk_size(STORAGES[self.storage], (ScreenContent if self.screens else LineContent).weight)

    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.count // self._chunk())

    def samples(self, k: int) -> range:
        """The samples of chunk k."""
        return range(k * self._chunk(), min((k + 1) * self._chunk(), self.count))

    def manifest(self, content: Content, complete: bool) -> dict[str, Any]:
        """The content of dataset.json."""
        return {
            "format": "linelet-dataset",
            "version": 2 if self.recipe.towards else 1,
            "name": self.recipe.name,
            "charset": self.recipe.charset,
            "unknown": self.recipe.unknown,
            **({"direction": self.recipe.towards} if self.recipe.towards else {}),
            "fields": {key: field.model_dump(mode="json") for key, field in self.recipe.fields.items()},
            "count": self.count,
            "seed": self.seed,
            "split": self.split,
            "grey": self.grey,
            "storage": self.storage,
            **content.facts,
            "complete": complete,
        }
