"""``python -m linelet_common`` is the ``linelet`` command, for launchers such as torchrun."""

import sys

from linelet_common.cli import main

sys.exit(main())
