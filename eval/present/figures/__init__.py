"""Figures and pictures, drawn with matplotlib and Pillow."""
