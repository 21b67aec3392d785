"""Metrics: pure functions of images and texts, each with the identity that names its column."""
