"""HTML pages that show runs."""
