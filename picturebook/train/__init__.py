"""Training of the embedded models, each from nothing but the drawn world: ``python -m picturebook.train PART``."""
