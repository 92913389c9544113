"""The outside: database, wire, files."""
