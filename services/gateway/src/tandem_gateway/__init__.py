"""REST for every public rpc, API clients, webhooks in."""
