"""The operators, one file a family. Importing this package registers them all.

To add one: write a decorated function, add its cases to the tests, and remake OPERATORS.md with
``python -m linelet_convert.operators``.
"""

import importlib
import pkgutil

FAMILIES = tuple(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
for _family in FAMILIES:
    importlib.import_module(f"{__name__}.{_family}")
