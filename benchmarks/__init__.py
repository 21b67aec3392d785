"""Measurements of speed and memory; each prints ratios against a reference, from one run on one machine."""

from runtime.threads import wait_passively

wait_passively()  # before torch is loaded
