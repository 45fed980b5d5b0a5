"""The screens of a finder's training, read once, some held out by the seed."""

from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linelet_common.boxes import FinderSpec, screen_grey
from linelet_common.errors import TrainingError
from linelet_common.preprocess import Pixels
from linelet_common.screens import open_screens
from linelet_model.finding.crops import Screen, keep_screen
from linelet_model.finding.settings import FinderSettings

_MOST_HELD_OUT = 100  # more tell nothing new, and are judged after each epoch


class TrainingScreens:
    """Screens to cut crops from, and ``held_out`` ones as luma uint8 (H, W) with boxes float64 (M, 4).

    ``digest`` is of all of them, in order.
    """

    def __init__(self, settings: FinderSettings, spec: FinderSpec) -> None:
        self.held_out: list[tuple[Pixels, NDArray[np.float64]]] = []
        self._screens: list[Screen] = []
        rng = np.random.default_rng((settings.seed, 2))
        whole = blake2b(digest_size=16)
        for data in settings.data:
            screens = open_screens(Path(data), settings.follow_links)
            count = min(_MOST_HELD_OUT, max(1, round(settings.validation * len(screens))))
            apart = set(rng.permutation(len(screens))[:count].tolist())
            for i in range(len(screens)):
                boxes = np.array([line.box for line in screens.lines(i)], dtype=np.float64).reshape(-1, 4)
                grey = screen_grey(screens.image(i))
                for part in (np.array([*grey.shape, len(boxes)], dtype="<i8"), grey, boxes.astype("<f8")):
                    whole.update(part.tobytes())
                if i in apart:
                    self.held_out.append((grey, boxes))
                else:
                    self._screens.append(keep_screen(grey, boxes, spec))
        self.digest = whole.hexdigest()
        if not self._screens:
            raise TrainingError(
                f"{', '.join(settings.data)}: one screen is held out and none is left; make more",
                place=", ".join(settings.data),
            )

    def __len__(self) -> int:
        return len(self._screens)

    def __getitem__(self, i: int) -> Screen:
        return self._screens[i]
