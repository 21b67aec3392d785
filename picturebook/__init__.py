"""Picturebook: a small drawn world with captions, models trained on it, and edits with known right answers."""

from runtime.threads import wait_passively

wait_passively()  # before torch is loaded
