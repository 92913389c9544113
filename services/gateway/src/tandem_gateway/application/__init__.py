"""What the gateway does with its own data: API clients and who a caller is."""
