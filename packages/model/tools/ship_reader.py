"""Make a shipped reader of a run: weights as float16, the ONNX file exported from just these weights, the spec.

    linelet train --recipe health-app --out first --minutes 30 --scramble 0
    linelet train --recipe health-app --from first --out run --minutes 7 --lr 1e-3 --seed 1 --threads 1 --workers 1
    python packages/model/tools/ship_reader.py run packages/read/src/linelet_read/shipped/health-app

Half an hour of two cores, and seven minutes of one on other lines, in which it learned to be unsure of what is none of
its characters. float16 halves the weights; the network computes in float32 all the same. The ONNX file holds the same
numbers.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from linelet_common.files import whole_folder
from linelet_common.reader import ONNX_NAME
from linelet_common.spec import FILE_NAME
from linelet_model import run
from linelet_model.onnx_export import export


def main() -> None:
    """Write the shipped form of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    with whole_folder(args.out, inputs=[args.run]) as folder:
        for name in (run.RUN, FILE_NAME, run.METRICS):
            shutil.copyfile(args.run / name, folder / name)
        weights = load_file(args.run / run.WEIGHTS)
        small = {k: v.to(torch.float16) if v.dtype == torch.float32 else v for k, v in weights.items()}
        save_file(small, folder / run.WEIGHTS, metadata={"format": "pt"})
        export(folder, folder / ONNX_NAME)


if __name__ == "__main__":
    main()
