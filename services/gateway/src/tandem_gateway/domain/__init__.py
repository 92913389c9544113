"""Rules of the outer door: keys and rates. Plain Python."""
