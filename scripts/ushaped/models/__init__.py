"""Models: registry, hub, lock file, loading, conversion of weights."""
