"""Rules of documents, commands and connections: no I/O."""
