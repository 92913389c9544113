"""The whole suite on one machine: supervisor, demo trading day, report and the tandem command."""
