"""Numbers of the branches of methods that decode the target text beside the input's inversion."""

TARGET, SOURCE = 0, 1
"""The target's images are what a method returns, so its branch is the first."""
