"""Glyphs as Pillow draws them; text inside whatever label, size and font; degradations as strong as meant."""

import albumentations
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from linelet_synth import Source, load_recipe
from linelet_synth.atlas import Atlas, ink_box, paste, set_text
from linelet_synth.fonts import Face, bundled, read_faces
from linelet_synth.looks import plain
from linelet_synth.looks.plain import Plain
from linelet_synth.looks.screen import Screen
from linelet_synth.recipe import Degradation
from linelet_synth.recipe_faces import Fallback
from linelet_synth.rng import Rng
from linelet_synth.texts import Part, Text

RECIPE = load_recipe("health-app")
FACES = [face for path in (*bundled(), *bundled("latin")) for face in read_faces(path)]
labels = st.text(RECIPE.charset, min_size=1, max_size=12)
slow = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def text_of(label: str) -> Text:
    return Text((Part(label, "random"),), "field")


def drawable(face: Face, label: str) -> str:
    return "".join(c for c in label if c in face.characters) or "1"


@slow
@given(st.sampled_from(FACES), st.sampled_from([100, 400, 700, 900]), st.integers(8, 96), labels)
@example(FACES[0], 100, 8, "0代")  # glyphs that lie over each other
def test_the_atlas_draws_what_pillow_draws(face: Face, weight: int, size: int, label: str) -> None:
    text = drawable(face, label)
    placed, _ = set_text(Atlas(RECIPE.charset).strike(face, weight, size), text)
    left, top, right, bottom = ink_box(placed)
    ours = np.zeros((bottom - top, right - left), dtype=np.uint8)
    paste(placed, ours, -left, -top)
    image = Image.new("L", (right - left + 80, bottom - top + 80))
    font = face.font(face.nearest(weight), size)
    ImageDraw.Draw(image).text((40 - left, 40 - top), text, fill=255, font=font, anchor="ls")
    theirs = np.asarray(image)
    assert np.array_equal(theirs[40:-40, 40:-40], ours)
    assert theirs.sum(dtype=np.int64) == ours.sum(dtype=np.int64)  # nothing is drawn outside either


def test_an_atlas_stays_small() -> None:
    atlas = Atlas(RECIPE.charset, capacity=1 << 24)
    face = FACES[0]
    for k in range(4096):
        atlas.strike(face, 400, 8 + k % 64).glyph(RECIPE.charset[k % 78])
    assert sum(strike.bytes for strike in atlas._strikes.values()) < 2 << 24


def inside(line, tolerance: float = 1.0) -> bool:  # type: ignore[no-untyped-def]
    height, width = line.picture.shape[:2]
    return all(
        b.x >= -tolerance
        and b.y >= -tolerance
        and b.x + b.width <= width + tolerance
        and b.y + b.height <= height + tolerance
        for b in line.boxes
    )


@slow
@given(st.sampled_from(FACES), st.integers(8, 60), st.data())
def test_what_an_atlas_is_not_for_is_drawn_alike(face: Face, size: int, data: st.DataObject) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from(sorted(face.characters)), min_size=1, max_size=4)))
    few, any_ = (Atlas(characters).strike(face, 400, size) for characters in (RECIPE.charset, ""))
    for character in text:
        glyphs = few.glyph(character), any_.glyph(character)
        assert glyphs[0][1:] == glyphs[1][1:]
        assert np.array_equal(glyphs[0][0], glyphs[1][0])


@slow
@given(labels, st.integers(0, 10**6), st.sampled_from(FACES[:4]))
def test_plain_text_is_inside_and_centred(label: str, i: int, face: Face) -> None:
    rng = Rng(b"test", 0)
    rng.seek(i)
    line = Plain(RECIPE, {"": [face]}, Atlas(RECIPE.charset), False, Fallback([face])).plan(text_of(label), rng)()
    assert inside(line, 0.0)
    if line.picture.shape == (50, 200):
        boxes = line.boxes
        left, right = min(b.x for b in boxes), max(b.x + b.width for b in boxes)
        top, bottom = min(b.y for b in boxes), max(b.y + b.height for b in boxes)
        assert abs((left + right) / 2 - 100) <= 0.5
        assert abs((top + bottom) / 2 - 25) <= 0.5


@slow
@given(labels, st.integers(0, 10**6), st.sampled_from(["random", "number", "word"]))
def test_screen_text_is_inside(label: str, i: int, kind) -> None:  # type: ignore[no-untyped-def]
    rng = Rng(b"test", 0)
    rng.seek(i)
    text = Text((Part(label, kind), Part("公斤", "unit")), "value")
    line = Screen(RECIPE, {"": FACES[:4]}, FACES[4:], ATLAS, False, Fallback(FACES)).draw(text, rng)
    assert len(line.boxes) == len(label) + 2
    # A tilted glyph's upright box is larger than its ink.
    assert inside(line, 0.5 * max(b.height for b in line.boxes) if "tilted" in line.styles else 2.5)


ATLAS = Atlas(RECIPE.charset)


def test_nothing_is_faint_or_cut() -> None:
    """Of 600 lines of each look, none has its text under the look's contrast or outside its picture."""
    from linelet_synth.colours import contrast, grey

    for look in ("plain", "screen"):
        source = Source(RECIPE, 5, look)
        for i in range(600):
            line = source.line(i)
            if look == "screen":
                assert contrast(line.background, line.colour) >= RECIPE.looks.screen.min_contrast
                assert abs(grey(line.background) - grey(line.colour)) >= 45
            assert "fragment" in line.styles or inside(
                line, 0.5 * line.picture.shape[0] if "tilted" in line.styles else 2.5
            )
            if line.boxes and "fragment" not in line.styles:
                text = line.picture.astype(int)
                assert text.max() - text.min() >= 20


@pytest.mark.parametrize("rgb", [False, True])
def test_degrading_an_area_is_degrading_the_whole(rgb: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blur and JPEG leave flat background alone, so the plain look may treat the text's surroundings only."""
    settings = RECIPE.looks.plain.degradation.model_copy(update={"noise": 0.0})
    looks = RECIPE.looks.model_copy(update={"plain": RECIPE.looks.plain.model_copy(update={"degradation": settings})})
    source = Source(RECIPE.model_copy(update={"looks": looks}), 0, "plain", rgb=rgb)
    short = [source.sample(i)[0] for i in range(250)]
    monkeypatch.setattr(
        plain,
        "_area",
        lambda x, y, w, h, halo, width, height: (
            slice(max(0, y - halo) % 8, height),
            slice(max(0, x - halo) % 8, width),
        ),
    )
    for i, picture in enumerate(short):
        assert np.array_equal(source.sample(i)[0], picture)


def rms(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean((a.astype(float) - b.astype(float)) ** 2)))


def test_degradations_are_as_strong_as_albumentations() -> None:
    """Mean difference from the clean line over many draws, beside the same five of albumentations, each alone."""
    none = dict.fromkeys(("blur", "motion", "jpeg", "noise", "light"), 0.0)
    palette = RECIPE.palette.model_copy(update={"backgrounds": ("#2a9a4a",), "saturation": 0.0, "value": 0.0})

    def lines(settings: dict[str, float]) -> list[np.ndarray]:
        look = RECIPE.looks.plain.model_copy(update={"degradation": Degradation(**settings), "cropped": 0.0})
        looks = RECIPE.looks.model_copy(update={"plain": look})
        changed = RECIPE.model_copy(update={"looks": looks, "palette": palette})
        drawer = Plain(changed, {"": FACES[:1]}, ATLAS, True, Fallback(FACES))
        text = Text((Part("体脂率23.5%", "word"),), "field")
        pictures = []
        for i in range(250):
            rng = Rng(b"strength", 0)
            rng.seek(i)
            pictures.append(drawer.plan(text, rng)().picture)
        return pictures

    clean = lines(none)
    theirs = {
        "blur": albumentations.GaussianBlur(blur_limit=(3, 5), p=1),
        "motion": albumentations.MotionBlur(blur_limit=(3, 5), p=1),
        "jpeg": albumentations.ImageCompression(quality_range=(82, 98), p=1),
        "noise": albumentations.GaussNoise(std_range=(5**0.5 / 255, 30**0.5 / 255), p=1),
        "light": albumentations.RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.15, p=1),
    }
    for name, transform in theirs.items():
        # The first numbers of each sample decide size and place, so the clean line is the same but for the degradation.
        ours = [rms(a, b) for a, b in zip(lines({**none, name: 1.0}), clean, strict=True)]
        pipeline = albumentations.Compose([transform], seed=1)
        oracle = [rms(pipeline(image=picture)["image"], picture) for picture in clean]
        assert np.mean(ours) == pytest.approx(np.mean(oracle), rel=0.3), name
