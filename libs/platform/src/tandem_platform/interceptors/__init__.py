"""What happens around every rpc, one step per file, in the order of `server_chain`."""
