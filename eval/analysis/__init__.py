"""Numbers from saved runs: selection, curves, comparison, statistics."""
