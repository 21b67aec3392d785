"""Training of the embedded models, each from the drawn world alone: ``python -m picturebook.train PART``."""
