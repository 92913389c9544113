"""Between protobuf and domain, nothing else."""
