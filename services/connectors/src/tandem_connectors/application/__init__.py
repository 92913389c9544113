"""One file per thing the runtime does."""
