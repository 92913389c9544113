"""Rules of stock and reservations: plain Python."""
