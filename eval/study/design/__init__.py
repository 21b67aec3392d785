"""Which screens a study has, and the images that they show."""
