"""Training the finder: screens with known boxes -> crops -> the chance that a pixel lies in a line's core."""
