"""Where pairs run: one after another here, or on many workers."""
