"""What a conversion runs beside itself ends with it, even where it is killed."""

import subprocess
import sys
from pathlib import Path

import pytest

import linelet_convert
from linelet_common.processes import run_with_us

ROOT = Path(linelet_convert.__file__).parent


def ends_without_its_starter(command: list[str]) -> None:
    """The command works for ever, until the other end of its stdin is closed."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"at work\n"
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(60) != 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_onnx_tfs_python_ends_with_the_conversion() -> None:
    code = "import runpy, sys; sys.argv = ['chain.py', 'a', 'b']\n"
    code += f"chain = runpy.run_path({str(ROOT / 'onnx_tf' / 'chain.py')!r})\n"
    code += "import threading; threading.Thread(target=chain['end_with_starter'], daemon=True).start()\n"
    ends_without_its_starter([sys.executable, "-c", code + "print('at work', flush=True)\nwhile True: pass"])


@pytest.mark.browser
def test_node_ends_with_the_conversion() -> None:
    watch = (ROOT / "web" / "runtime" / "ends_with_starter.mjs").as_uri()
    busy = f"await import({watch!r}); require('fs').writeSync(1, 'at work\\n'); for (;;);"
    ends_without_its_starter(["node", "-e", f"(async () => {{ {busy} }})()"])


@pytest.mark.browser
def test_node_ends_by_itself_too() -> None:
    watch = (ROOT / "web" / "runtime" / "ends_with_starter.mjs").as_uri()
    done = run_with_us(["node", "-e", f"import({watch!r}).then(() => console.log('done'))"], 60)
    assert (done.returncode, done.stdout) == (0, "done\n")
