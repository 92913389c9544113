"""Rule files into rules."""
