"""Ports a connector implements and the kit that proves it keeps the rules."""
