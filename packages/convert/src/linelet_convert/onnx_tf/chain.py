"""Runs inside onnx-tf's pinned environment: python chain.py MODEL.onnx FOLDER. Imports nothing of Linelet's.

MODEL.onnx -> FOLDER/saved (onnx-tf) -> FOLDER/tfjs (tensorflowjs_converter).
"""

import os
import sys
import threading

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(model: str, folder: str) -> None:
    """Convert; whatever fails ends this process with a traceback on stderr, whose last line is shown."""
    import onnx
    from onnx_tf.backend import prepare  # type: ignore[import-not-found]  # lives in its own environment

    saved, out = os.path.join(folder, "saved"), os.path.join(folder, "tfjs")
    prepare(onnx.load(model), auto_cast=True).export_graph(saved)
    from tensorflowjs.converters import converter  # type: ignore[import-not-found]

    converter.convert(["--input_format=tf_saved_model", "--output_format=tfjs_graph_model", saved, out])


def end_with_starter() -> None:
    """End when the process that started this one does: it holds the other end of stdin."""
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_starter, daemon=True).start()
    main(sys.argv[1], sys.argv[2])
