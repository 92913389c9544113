"""What simulated outside systems share: faults on demand, a process to be killed and restarted."""
