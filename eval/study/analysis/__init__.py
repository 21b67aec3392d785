"""Analysis of a study's answers."""
