"""Stock ledger, availability and reservations."""
