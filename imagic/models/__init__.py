"""Generative models behind one small interface, used by every method."""
