"""How a training starts: its folder claimed, its network built or taken from another reader, its spec."""

import dataclasses
from pathlib import Path

from torch import Tensor, nn

from linelet_common.bidi import Direction, is_rtl
from linelet_common.charset import Charset
from linelet_common.datasets import open_dataset
from linelet_common.errors import TrainingError
from linelet_common.files import real, sweep
from linelet_common.manifest import Manifest
from linelet_common.reader import shipped_reader
from linelet_common.spec import ReaderSpec
from linelet_model import run
from linelet_model.distributed import World
from linelet_model.feeds import LineSource, open_source, weighted
from linelet_model.networks import network_class
from linelet_model.settings import Settings, flag_of


def claim_run(settings: Settings, out: Path, resume: bool, world: World) -> Settings:
    """Make sure that ``out`` is this run's: new, or resumed with the settings it was begun with."""
    path = out / run.RUN
    if resume:
        saved = Settings.from_dict(run.read_run(out).get("settings"), str(path))
        if settings != saved:
            pairs = zip(dataclasses.fields(saved), settings.to_dict().values(), saved.to_dict().values(), strict=True)
            changed = [f"{flag_of(f.name)} {new} (was {old})" for f, new, old in pairs if new != old]
            raise TrainingError(
                f"{out} was begun with other settings: {', '.join(changed)}; resume with the same", place=out
            )
        if world.first:
            sweep(out)
        return saved
    if world.first:
        sweep(out, run.RUN)  # all that a run killed at its very start leaves behind
    if world.first and out.exists() and (not out.is_dir() or any(out.iterdir())):
        remedy = "--resume goes on with it" if path.exists() else "name a new folder with --out"
        raise TrainingError(f"{out} exists and is not empty; {remedy}", place=out)
    world.wait()
    return settings


def check_data(out: Path, digest: str) -> None:
    """TrainingError where a run is to go on with other data than it was begun with. Runs without a digest may."""
    began = run.read_run(out).get("data_digest")
    if began is not None and began != digest:
        raise TrainingError(
            f"{out} was begun with other data: its digest is {began[:16]}, not {digest[:16]}; "
            "put the data back as it was, or train into a new folder",
            place=out,
        )


def build_network(settings: Settings) -> tuple[nn.Module, ReaderSpec]:
    """A fresh network, or the one to start from, and its spec; the charset comes from the data or the start."""
    kind = network_class(settings.network)
    if settings.start:
        return _warm_start(settings)
    found = _described(settings)
    if found is None:
        raise TrainingError(
            f"{settings.data[0]} has no dataset.json with its charset; give --charset CHARACTERS or --from READER",
            place=settings.data[0],
        )
    spec = ReaderSpec(
        name=found.name,
        network=settings.network,
        charset=found.charset,
        unknown=found.unknown,
        direction=found.direction,
        grammar=found.grammar,
        fields=dict(found.fields),
        height=kind.height,
        stride=kind.stride,
        frames_lost=kind.frames_lost,
    )
    return kind(spec.classes), spec


def _warm_start(settings: Settings) -> tuple[nn.Module, ReaderSpec]:
    """The network to start from. Characters that only the new data has get classes of their own behind the old ones.

    The new data's grammar takes the old one's place, if it has one. Trimmed, a network has the new data's characters
    and no others, and what it says of them.
    """
    assert settings.start
    folder = Path(settings.start)
    if not folder.exists():
        folder = shipped_reader(settings.start) or folder
    old, spec = run.load_network(folder)
    if spec.network != settings.network:
        raise TrainingError(f"--from {settings.start} is a {spec.network}; add --network {spec.network}")
    found = _described(settings)
    if settings.trim and found is None:
        raise TrainingError(
            f"--trim keeps the characters of the data, and {settings.data[0]} has no dataset.json that names them; "
            "give --charset CHARACTERS",
            place=settings.data[0],
        )
    if found and spec.direction and not found.direction:
        raise TrainingError(
            f"--from {settings.start} reads from right to left, the data's lines run from left to right; "
            "start from another reader, or leave out --from"
        )
    direction = found.direction if found else spec.direction
    charset = spec.charset + (Charset(spec.charset).missing(found.charset) if found else "")
    unknown = spec.unknown or bool(found and found.unknown)
    grammar, fields = (found.grammar, dict(found.fields)) if found else (None, {})
    if found and settings.trim:
        name, charset, unknown = found.name, found.charset, found.unknown
    else:
        name, grammar, fields = spec.name, grammar or spec.grammar, fields or spec.fields
    update = {
        "name": name,
        "temperature": 1.0,
        "charset": charset,
        "unknown": unknown,
        "direction": direction,
        "grammar": None if direction else grammar,
        "fields": {} if direction else fields,
    }
    # Validated anew: a copy would keep the old charset's codec.
    spec_then, spec = spec, ReaderSpec.model_validate({**spec.model_dump(), **update})
    if (spec.charset, spec.unknown) == (spec_then.charset, spec_then.unknown):
        return old.train(), spec
    kind = network_class(spec.network)
    network = kind(spec.classes)
    network.load_state_dict(_regrown(old.state_dict(), network.state_dict(), kind.classifier, (spec_then, spec)))
    return network, spec


def _regrown(
    old: dict[str, Tensor], fresh: dict[str, Tensor], classifier: str, specs: tuple[ReaderSpec, ReaderSpec]
) -> dict[str, Tensor]:
    """Weights of a network with other classes: each class keeps its row by what it stands for; new rows stay fresh."""
    then, now = (spec.codec for spec in specs)
    kept_texts = [text for c in range(then.classes) if c != then.blank and not now.missing(text := then.text_of(c))]
    rows_then = [then.blank, *map(then.class_of, kept_texts)]
    rows_now = [now.blank, *map(now.class_of, kept_texts)]
    weights = dict(fresh)
    for key, kept in old.items():
        if key.startswith(f"{classifier}."):
            weights[key] = fresh[key].clone()
            weights[key][rows_now] = kept[rows_then]
        else:
            weights[key] = kept
    return weights


def _described(settings: Settings) -> LineSource | Manifest | None:
    """What names the charset: the recipe, or the manifest of the first dataset that has one, or the settings."""
    if settings.recipe:
        return open_source(settings.recipe, settings.seed, settings.look, "train")
    paths = [Path(weighted(data)[0]) for data in settings.data]
    for path in paths:
        if not path.exists():
            open_dataset(path)  # which says so
        manifest = Manifest.load(path)
        if manifest and settings.charset:
            raise TrainingError(f"{path} has a dataset.json with its charset; leave out --charset", place=path)
        if manifest:
            return manifest
    if settings.charset is None:
        return None
    name, charset = real(paths[0]).name, str(Charset(settings.charset))
    direction: Direction | None = "rtl" if is_rtl(charset) else None
    return Manifest(
        name=name,
        charset=charset,
        count=0,
        seed=settings.seed,
        recipe_digest="",
        complete=True,
        direction=direction,
    )
