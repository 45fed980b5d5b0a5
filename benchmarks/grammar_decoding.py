"""What decoding by the recipe's grammar gains and costs, beside greedy decoding of the same scores.

    python benchmarks/grammar_decoding.py health-app [--count 300]

Lines of the recipe's screen look whose text is in the grammar, as drawn and with Gaussian noise on the network's input;
CPU ms a line for decoding alone, one thread.
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import Levenshtein
import numpy as np

from linelet_common.preprocess import prepare
from linelet_model.feeds import open_source
from linelet_read import load_reader
from linelet_read.decoding import DECODINGS, decode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--reader", default="health-app")
    parser.add_argument("--count", type=int, default=300)
    args = parser.parse_args()
    reader, source = load_reader(args.reader), open_source(args.recipe, 77, "screen", "validation")
    assert source.grammar, f"{args.recipe} has no grammar"
    spec = reader.spec.model_copy(update={"grammar": source.grammar})
    automaton = source.grammar.automaton()
    lines = []
    for i in range(20 * args.count):
        [(image, text)] = source.samples([i])
        if automaton.accepts(text):
            lines.append((prepare(image, spec)[None], text))
        if len(lines) == args.count:
            break
    rng = np.random.default_rng(0)
    print("| noise | decoding | exact | CER | CPU ms a line, mean | most |\n|---|---|---|---|---|---|")
    for noise in (0.0, 0.12, 0.2):
        noisy = [(x + rng.normal(0, noise, x.shape)).astype(np.float32) for x, _ in lines]
        outputs = [reader.scores(x) for x in noisy]
        for decoding in DECODINGS:
            decode(outputs[0], spec, decoding)  # compiles the grammar
            costs, texts = [], []
            for output in outputs:
                start = time.process_time()
                texts.append(decode(output, spec, decoding)[0].text)
                costs.append(1000 * (time.process_time() - start))
            exact = sum(a == b for a, (_, b) in zip(texts, lines, strict=True)) / len(lines)
            edits = sum(Levenshtein.distance(a, b) for a, (_, b) in zip(texts, lines, strict=True))
            cer = edits / sum(len(text) for _, text in lines)
            print(f"| {noise} | {decoding} | {exact:.1%} | {cer:.2%} | {np.mean(costs):.2f} | {max(costs):.1f} |")


if __name__ == "__main__":
    main()
