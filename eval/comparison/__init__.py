"""Saved runs of several methods set side by side: what ``eval.compare`` writes."""
