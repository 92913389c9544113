"""Rules of orders: plain Python, no input or output."""
