"""The screens of a study, and the images on them."""
