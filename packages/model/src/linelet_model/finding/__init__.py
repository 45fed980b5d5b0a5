"""Training the finder: screens with known boxes -> crops -> the probability that a pixel lies in a line's core."""
