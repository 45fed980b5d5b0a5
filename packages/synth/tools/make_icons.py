"""Remake the bundled icon fonts: `python packages/synth/tools/make_icons.py` (needs npm, fonttools, brotli).

Glyphs of Material Design Icons (Apache 2.0) and of Font Awesome Free's solid style (SIL OFL 1.1), cut to icons that
apps show beside text; they keep their code points in the private use areas. Icons that are or look like characters stay
out.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from make_fonts import TARGET, fetch

MATERIAL = """
account account-outline account-circle account-circle-outline account-group account-heart alarm alert alert-circle
alert-circle-outline arm-flex arm-flex-outline arrow-bottom-right arrow-down arrow-down-bold arrow-down-circle
arrow-left arrow-right arrow-top-right arrow-up arrow-up-bold arrow-up-circle baby-face-outline backup-restore barcode
basket battery battery-50 battery-charging bed bed-outline beer bell bell-outline bike blood-bag bluetooth bone
book-open-outline bookmark bowl-mix bread-slice briefcase brightness-5 bullseye-arrow cake cake-variant calculator
calendar calendar-blank calendar-check calendar-month camera camera-outline car cards-heart cards-heart-outline carrot
cart cart-outline cast cat cellphone chart-areaspline chart-bar chart-bell-curve chart-line chart-line-variant
chart-pie chat chat-outline check-bold check-circle check-circle-outline check-decagram chevron-double-right
chili-mild clipboard-text clipboard-text-outline clock clock-outline cloud cloud-outline cloud-upload-outline coffee
cog cog-outline comment comment-outline compass compass-outline content-copy cookie credit-card credit-card-outline
crosshairs-gps crown crown-outline cup cup-water delete delete-outline diamond-stone dog download dumbbell ear-hearing
earth email email-outline emoticon emoticon-happy-outline emoticon-neutral-outline emoticon-sad-outline eye eye-off
eye-outline face-man face-woman filter-variant fingerprint fire fish flag flag-checkered flag-outline flash
flash-outline flask flower folder folder-outline food food-apple food-apple-outline food-drumstick food-fork-drink
foot-print format-list-bulleted forum fruit-cherries gauge gender-female gender-male gift gift-outline glass-cocktail
grain hamburger hand-heart head headphones heart heart-flash heart-half-full heart-outline heart-pulse help-circle
help-circle-outline history home home-heart home-outline hospital-box human human-female human-female-girl
human-handsup human-male human-male-female human-male-height human-male-height-variant image image-outline information
information-outline jump-rope key kettlebell lamp leaf leaf-circle-outline lightbulb lightbulb-on-outline
lightning-bolt link-variant lock lock-outline lungs magnify map map-marker map-marker-distance map-marker-outline
medal medal-outline medical-bag meditation menu message message-outline microphone moon-waning-crescent mother-nurse
music music-note noodles nutrition open-in-new palette pause-circle peanut pencil pencil-outline phone phone-outline
pill play play-circle play-circle-outline plus-circle plus-circle-outline podium power pulse qrcode qrcode-scan rabbit
refresh ribbon rice rowing ruler run run-fast sausage scale scale-balance scale-bathroom school scissors-cutting send
send-outline share share-variant shield shield-check shield-outline shoe-print shoe-sneaker shower signal
silverware-fork-knife silverware-variant smoking snowflake soccer sort-variant speedometer spoon-sugar sprout stairs
stairs-up star star-half-full star-outline steering stethoscope stomach store swap-vertical swim sync tag tag-outline
target tea tennis test-tube thermometer thermometer-lines thumb-up thumb-up-outline timer timer-outline timer-sand
tooth tortoise tray-arrow-up trending-down trending-up triangle trophy trophy-outline truck tshirt-crew tune umbrella
update upload vector-polygon video video-outline volume-high walk wallet wallet-outline watch watch-variant water
water-outline weather-cloudy weather-night weather-partly-cloudy weather-rainy weather-sunny weather-sunset-up
weather-windy weight weight-lifter wifi wifi-off yoga youtube
""".split()  # noqa: SIM905 - a list would be one name per line

AWESOME = """
apple-whole arrow-trend-down arrow-trend-up bed bell bicycle bolt bone bowl-food brain bullseye burger camera carrot
cart-shopping chart-area chart-column chart-line chart-pie child circle-check circle-info circle-user circle-xmark
clock cloud comment crown dna door-open droplet dumbbell envelope fire fire-flame-curved fish flag flask gauge
gauge-high gear gem gift glass-water hand-holding-heart heart heart-crack heart-pulse hourglass-half house image key
leaf lemon lightbulb location-dot lock lungs magnifying-glass map medal microphone moon mug-hot music paper-plane paw
pen person person-biking person-dress person-hiking person-running person-swimming person-walking phone pills
plate-wheat plug rocket ruler scale-balanced scale-unbalanced seedling share-nodes shield shoe-prints snowflake spa
stairs star star-half-stroke stethoscope stopwatch sun syringe tag temperature-half thumbs-up tooth trash trophy user
user-group utensils video vial wallet weight-scale wheat-awn wine-glass
""".split()  # noqa: SIM905 - a list would be one name per line


def cut(source: Path, target: Path, codes: set[int]) -> None:
    """Write the icons of ``source`` with these code points to ``target`` as TrueType, the private use area's only."""
    font = TTFont(source)
    options = Options()
    options.layout_features = []
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "FFTM", "kern"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.notdef_outline = True
    options.hinting = False
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    for table in font["cmap"].tables:
        table.cmap = {code: glyph for code, glyph in table.cmap.items() if code in codes}
    font.flavor = None
    font.save(target)
    print(f"{target.name}: {target.stat().st_size // 1024} KB, {len(codes)} icons")


def main() -> None:
    """Fetch both fonts and write them with their licences."""
    icons = TARGET / "icons"
    icons.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        content = fetch("npm", "@mdi/font@7.4.47", Path(folder) / "mdi") / "package"
        css = (content / "css" / "materialdesignicons.css").read_text(encoding="utf-8")
        rules = re.findall(r'\.mdi-([a-z0-9-]+)::before\s*\{\s*content:\s*"\\([0-9A-F]+)"', css)
        known = {name: int(code, 16) for name, code in rules}
        codes = {known[name] for name in MATERIAL}
        cut(content / "fonts" / "materialdesignicons-webfont.ttf", icons / "material-design-icons.ttf", codes)
        # Its licence names Apache's by address only.
        apache = (TARGET / "latin" / "roboto-slab.LICENSE.txt").read_text(encoding="utf-8")
        licence = (content / "LICENSE").read_text(encoding="utf-8") + "\n\n" + apache
        (icons / "material-design-icons.LICENSE.txt").write_text(licence, encoding="utf-8")
        content = fetch("npm", "@fortawesome/fontawesome-free@7.3.1", Path(folder) / "fa") / "package"
        families = json.loads((content / "metadata" / "icon-families.json").read_text(encoding="utf-8"))
        codes = {int(families[name]["unicode"], 16) for name in AWESOME}
        cut(content / "webfonts" / "fa-solid-900.woff2", icons / "font-awesome-solid.ttf", codes)
        shutil.copyfile(content / "LICENSE.txt", icons / "font-awesome.LICENSE.txt")


if __name__ == "__main__":
    main()
