"""The classic training step, as a yardstick: VGG stack + BiGRU, 32x200 squashed, batch 128, Adam 5e-4, clip 5, fp32.

    python benchmarks/train_reference.py DATA --seconds 120 [--threads 2] [--data-to-read DIR ...]

DATA is a dataset folder. Prints lines trained a second, CPU ms a line, and the CER and exact lines on other datasets
when the seconds are spent.
"""

import argparse
import random
import time
from pathlib import Path

import Levenshtein
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from linelet_common.charset import Charset
from linelet_common.codec import Codec
from linelet_common.datasets import open_dataset
from linelet_common.manifest import Manifest
from linelet_common.preprocess import to_grey
from linelet_model.networks.reference import ReferenceGRU

SIZE = (200, 32)  # width and height that every line is squashed to


def load(folder: Path) -> tuple[torch.Tensor, list[str]]:
    dataset = open_dataset(folder)
    grey = (Image.fromarray(to_grey(dataset.image(i))).resize(SIZE) for i in range(len(dataset)))
    images = torch.from_numpy(np.stack([np.asarray(image) for image in grey]))
    return images[:, None].float() / 127.5 - 1, [dataset.label(i) for i in range(len(dataset))]


def read(model: torch.nn.Module, images: torch.Tensor, codec: Codec) -> list[str]:
    model.eval()
    with torch.inference_mode():
        return [r.text for part in torch.split(images, 128) for r in codec.decode(model(part).numpy())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data-to-read", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    torch.manual_seed(0)
    random.seed(0)
    torch.set_num_threads(args.threads)
    manifest = Manifest.load(args.data)
    assert manifest, f"{args.data} has no dataset.json"
    codec = Codec(Charset(manifest.charset), unknown=manifest.unknown)
    images, texts = load(args.data)
    classes = [torch.from_numpy(codec.encode(text)) for text in texts]
    model = ReferenceGRU(codec.classes)
    optimiser = torch.optim.Adam(model.parameters(), 5e-4)
    seen, start, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - start < args.seconds:
        pick = random.sample(range(len(texts)), 128)
        scores = model(images[pick]).log_softmax(2).permute(1, 0, 2)
        lengths = torch.tensor([len(classes[i]) for i in pick])
        frames = torch.full((128,), scores.shape[0])
        loss = F.ctc_loss(scores, torch.cat([classes[i] for i in pick]), frames, lengths, zero_infinity=True)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimiser.step()
        seen += 128
    took, cpu = time.monotonic() - start, time.process_time() - cpu
    print(f"reference: {seen} lines in {took:.0f} s, {seen / took:.1f} lines/s, {1000 * cpu / seen:.2f} CPU ms a line")
    for folder in args.data_to_read:
        images, labels = load(folder)
        texts, found = [codec.fold(label) for label in labels], read(model, images, codec)
        edits = sum(Levenshtein.distance(a, b) for a, b in zip(found, texts, strict=True))
        exact = sum(a == b for a, b in zip(found, texts, strict=True)) / len(texts)
        print(f"reference on {folder}: CER {100 * edits / sum(map(len, texts)):.2f} %, exact {100 * exact:.2f} %")


if __name__ == "__main__":
    main()
