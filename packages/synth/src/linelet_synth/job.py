"""What a dataset holds: recipe, seed, count and the rest of what its content depends on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linelet_synth.recipe import Recipe
from linelet_synth.source import Source
from linelet_synth.storage import STORAGES, Storage


@dataclass(frozen=True)
class Job:
    """All that the content of a dataset depends on. storage: folder, lmdb or webdataset."""

    recipe: Recipe
    seed: int
    count: int
    look: str | None = None
    split: str = "all"
    grey: bool = False
    storage: str = "folder"
    details: bool = False

    def source(self) -> Source:
        """The samples."""
        return Source(self.recipe, self.seed, self.look, self.split, rgb=not self.grey)

    def open_storage(self, out: Path) -> Storage:
        """Where they go."""
        return STORAGES[self.storage](out, self.details)

    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.count // STORAGES[self.storage].chunk)

    def samples(self, k: int) -> range:
        """The samples of chunk k."""
        size = STORAGES[self.storage].chunk
        return range(k * size, min((k + 1) * size, self.count))

    def manifest(self, source: Source, complete: bool) -> dict[str, Any]:
        """The content of dataset.json."""
        return {
            "format": "linelet-dataset",
            "version": 1,
            "name": self.recipe.name,
            "charset": self.recipe.charset,
            "count": self.count,
            "seed": self.seed,
            "look": self.look,
            "split": self.split,
            "grey": self.grey,
            "storage": self.storage,
            "details": self.details,
            "grammar": source.grammar.model_dump(mode="json") if source.grammar else None,
            "recipe_digest": source.digest,
            "complete": complete,
        }
