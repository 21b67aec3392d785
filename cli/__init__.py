"""The frame of every command: help from YAML comments, checks for typos, one-line errors, output in any encoding."""
