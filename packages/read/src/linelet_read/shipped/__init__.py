"""Readers that come with the package, by name: run folders with their ONNX files, made by tools/ship_reader.py."""

from pathlib import Path

HEALTH_APP = Path(__file__).parent / "health-app"
