"""Make the shipped finder of a run: weights as float16, the ONNX file exported from just these weights, the spec.

    linelet synth health-app --screens --grey --count 1500 --seed 1 --out screens-health-app
    linelet synth wallet --screens --grey --count 1000 --seed 2 --out screens-wallet
    linelet synth health-app --screens --grey --count 1300 --seed 3 --out more-health-app
    linelet synth wallet --screens --grey --count 700 --seed 4 --out more-wallet
    linelet train --task find --data screens-health-app --data screens-wallet --out first --minutes 28 --threads 1
    linelet train --task find --data screens-health-app --data screens-wallet --data more-health-app \\
        --data more-wallet --from first --out run --minutes 28 --seed 1 --threads 2
    linelet train --task find --data more-health-app --data more-wallet --from run --out final --minutes 10 \\
        --lr 1.5e-3 --seed 2 --threads 1
    linelet train --task find --data screens-health-app --data screens-wallet --data more-health-app \\
        --data more-wallet --from final --out longer --minutes 55 --lr 1.5e-3 --seed 3 --threads 1
    linelet synth health-app --screens --grey --count 1200 --seed 21 --out new-health-app
    linelet synth wallet --screens --grey --count 800 --seed 22 --out new-wallet
    linelet train --task find --data new-health-app --data new-wallet --data more-health-app --data screens-wallet \\
        --from longer --out last --minutes 26 --lr 1.2e-3 --seed 4 --threads 1
    linelet synth health-app --screens --grey --count 1600 --seed 41 --out lone-health-app
    linelet synth wallet --screens --grey --count 800 --seed 42 --out lone-wallet
    linelet train --task find --data lone-health-app --data lone-wallet --data new-health-app --data new-wallet \\
        --from last --out latest --minutes 95 --lr 1.5e-3 --seed 5 --threads 1
    linelet synth health-app --screens --grey --count 1700 --seed 61 --out tight-health-app
    linelet synth wallet --screens --grey --count 900 --seed 62 --out tight-wallet
    linelet train --task find --data tight-health-app --data tight-wallet --from latest --out tight --minutes 60 \\
        --lr 1.5e-3 --seed 6 --threads 1
    python packages/model/tools/ship_finder.py tight packages/read/src/linelet_read/shipped/finder

The shipped one was trained on a busy machine: 606, 822 and 934 steps in the first three runs, 8,300, 3,498, 11,577 and
4,997 in the others. Screens of the first four sets are of generation 1, the new ones of generation 2, the lone ones of
4, the tight ones of 5.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from linelet_common.boxes import FILE_NAME
from linelet_common.files import whole_folder
from linelet_common.reader import FINDER_NAME
from linelet_model import run
from linelet_model.finding.onnx_export import export_finder


def main() -> None:
    """Write the shipped form of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    with whole_folder(args.out, inputs=[args.run]) as folder:
        for name in (run.RUN, run.METRICS):
            shutil.copyfile(args.run / name, folder / name)
        run.check_file(args.run, FILE_NAME)
        # A run of a former version has no digests; what ships has them.
        run.write_file(folder, FILE_NAME, (args.run / FILE_NAME).read_bytes())
        weights = load_file(args.run / run.WEIGHTS)
        small = {k: v.to(torch.float16) if v.dtype == torch.float32 else v for k, v in weights.items()}
        run.write_weights(folder, small)
        export_finder(folder, folder / FINDER_NAME)


if __name__ == "__main__":
    main()
