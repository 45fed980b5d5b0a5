"""Screens as bytes: pictures as PNG, their lines as JSON; a folder lists them in COCO's form."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from linelet_common.screens import CATEGORY, RECORD, SCREENS
from linelet_synth.contents import PICTURE, Stored
from linelet_synth.png import encode_png
from linelet_synth.screens.source import ScreenSource


class ScreenContent:
    """Screens of a source with the boxes and texts of their lines."""

    unit = "screens"
    # What a usual screen's picture takes, in usual lines'.
    weight = 25
    suffixes: ClassVar[dict[str, str]] = {PICTURE: "png", RECORD: "json"}
    lists: tuple[str, ...] = (SCREENS,)

    def __init__(self, source: ScreenSource) -> None:
        self._source = source
        self.facts: dict[str, Any] = {
            "kind": "screens",
            "grammar": source.grammar.model_dump(mode="json") if source.grammar else None,
            "recipe_digest": source.digest,
        }

    def samples(self, numbers: range) -> Iterator[Stored]:
        """Picture and lines of screens."""
        for i in numbers:
            screen = self._source.screen(i)
            record = json.dumps(screen.record(), ensure_ascii=False).encode()
            yield Stored(i, ((PICTURE, encode_png(screen.picture)), (RECORD, record)))

    def rows(self, sample: Stored, picture: str) -> tuple[str, ...]:
        """The screen's record, its number and picture before it."""
        record = sample.records[-1][1].decode()
        return (f"{json.dumps({'id': sample.number + 1, 'file_name': picture})[:-1]}, {record[1:]}\n",)

    def join(self, name: str, parts: Iterable[bytes]) -> Iterator[bytes]:
        """COCO's images, annotations and the one category; images and annotations are numbered from 1."""
        annotations: list[str] = []
        yield b'{"images": ['
        first = True
        for part in parts:
            for row in part.splitlines():
                screen = json.loads(row)
                for line in screen.pop("lines"):
                    head = {"id": len(annotations) + 1, "image_id": screen["id"], "category_id": CATEGORY["id"]}
                    annotations.append(json.dumps({**head, **line}, ensure_ascii=False))
                yield (("" if first else ",") + "\n" + json.dumps(screen, ensure_ascii=False)).encode()
                first = False
        yield f'],\n"categories": {json.dumps([CATEGORY])},\n"annotations": [\n'.encode()
        yield ",\n".join(annotations).encode()
        yield b"]}\n"
