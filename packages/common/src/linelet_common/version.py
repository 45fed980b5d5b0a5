"""The version that all packages share."""

from importlib.metadata import version

__version__ = version("linelet-common")
