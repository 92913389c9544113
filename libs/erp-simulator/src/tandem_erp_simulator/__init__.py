"""A simulated ERP: journal entries over HTTP, with faults on demand."""
