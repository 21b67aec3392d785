"""How this process runs: its threads, and output that every console can show. Imports nothing of the project."""
