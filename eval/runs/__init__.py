"""The run folder on disk: configuration and identity, shards, status, lock, provenance."""
