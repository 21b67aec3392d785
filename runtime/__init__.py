"""Setup of the process: threads, output in any encoding, and tables. Imports nothing of the project."""
