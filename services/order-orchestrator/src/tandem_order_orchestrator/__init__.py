"""Orders, fulfilments, returns and their sagas."""
