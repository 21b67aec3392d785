"""Output for people: figures, reports, tables, exports, and the files beside a run's shards."""
