"""Picturebook: a small drawn world with captions, models trained on it, and edits whose right answer is known."""
