"""The OpenAPI 3.1 document, derived from the contracts at start."""
