"""REST for every public rpc, derived from the contracts at start."""
