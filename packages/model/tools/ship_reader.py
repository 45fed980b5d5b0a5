"""Make a shipped reader of runs: their weights averaged, as float16, the ONNX file exported from just these, the spec.

    linelet train --recipe health-app --out first --minutes 58 --threads 1
    linelet train --recipe health-app --from first --out second --minutes 13 --lr 1.5e-3 --seed 1 --threads 1
    python packages/model/tools/ship_reader.py first second mean
    linelet train --recipe health-app --from mean --out third --minutes 25 --lr 1.5e-3 --seed 11 --threads 1
    python packages/model/tools/ship_reader.py mean third shipped
    linelet train --recipe health-app --from shipped --out fourth --minutes 45 --lr 1.5e-3 --seed 21 --threads 1
    python packages/model/tools/ship_reader.py shipped fourth fourth fourth \\
        packages/read/src/linelet_read/shipped/health-app

    linelet train --recipe chinese --out c1 --minutes 95 --threads 1 --workers 1  # ended after 420,000 lines
    linelet train --recipe chinese --from c1 --out c2 --minutes 66 --lr 2.5e-3 --seed 1 --threads 1 --workers 1
    python packages/model/tools/ship_reader.py c2 packages/read/src/linelet_read/shipped/chinese

health-app: 141 minutes of one busy core, 2.3 million lines. Each run was on a later generation of lines: the second
with more trends and ticks beside numbers, the third with the Japanese shapes of Chinese characters, the fourth with
commas between digits. The mean of runs, one of them counted three times in the end, reads better than either (Wortsman
et al. 2022, "Model soups").
chinese: 119 minutes of a busy core, 860,000 lines, the first run with fewer of mixed words and of dots in the recipe.
float16 halves the weights; the network computes in float32 all the same. The ONNX file holds the same numbers. Of
several runs the last one's spec, metrics and temperature are kept.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from linelet_common.files import whole_folder
from linelet_common.reader import ONNX_NAME
from linelet_common.spec import FILE_NAME
from linelet_model import run
from linelet_model.onnx_export import export


def main() -> None:
    """Write the shipped form of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    with whole_folder(args.out, inputs=args.runs) as folder:
        for name in (run.RUN, run.METRICS):
            shutil.copyfile(args.runs[-1] / name, folder / name)
        run.check_file(args.runs[-1], FILE_NAME)
        # A run of a former version has no digests; what ships has them.
        run.write_file(folder, FILE_NAME, (args.runs[-1] / FILE_NAME).read_bytes())
        each = [load_file(path / run.WEIGHTS) for path in args.runs]
        mean = {
            k: sum(w[k].double() for w in each) / len(each) if v.is_floating_point() else v for k, v in each[-1].items()
        }
        small = {k: v.to(torch.float16) if v.is_floating_point() else v for k, v in mean.items()}
        run.write_weights(folder, small)
        export(folder, folder / ONNX_NAME)


if __name__ == "__main__":
    main()
