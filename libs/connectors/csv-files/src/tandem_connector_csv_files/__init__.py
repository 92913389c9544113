"""WMS and ERP files as CSV with control totals."""
