"""How the gateway reaches its database and the wire."""
