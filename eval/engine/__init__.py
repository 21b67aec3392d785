"""Making images and scores: set-up, executors, one pair, progress."""
