"""What all tests share: how hypothesis searches."""

import os

from hypothesis import settings

# No deadline: a busy machine is no defect. In CI the same examples each time: a landing must not fail by chance, while
# every run at a desk goes on searching.
settings.register_profile("linelet", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("linelet")
