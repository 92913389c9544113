"""The runtime of connector plug-ins: raw store, translation, outbound queue."""
