"""The sheets of a study in Mechanical Turk's format."""
