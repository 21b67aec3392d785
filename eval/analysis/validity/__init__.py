"""Validity of metrics: whether they rank edits as a judge, or people, do."""
