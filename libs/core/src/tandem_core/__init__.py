"""Pure values every room shares: money, quantity, ids, clock, errors."""
