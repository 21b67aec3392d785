"""Figures for papers: one look for all of them."""
