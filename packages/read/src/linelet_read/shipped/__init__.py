"""Readers by name, and the finder of lines, that come with the package: made by ship_reader.py and ship_finder.py."""

from pathlib import Path

HEALTH_APP = Path(__file__).parent / "health-app"
CHINESE = Path(__file__).parent / "chinese"
FINDER = Path(__file__).parent / "finder"
