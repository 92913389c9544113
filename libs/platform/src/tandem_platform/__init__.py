"""The write path and the wire: journal, relay, consumers, sagas, gRPC, telemetry."""
