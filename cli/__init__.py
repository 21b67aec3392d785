"""The frame of every command: help from the YAML comments, typos, one-line errors, output that every console can write."""
