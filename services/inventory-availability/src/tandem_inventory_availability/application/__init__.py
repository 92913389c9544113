"""Use cases, one file for each rpc that writes."""
