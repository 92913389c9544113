"""POSLog XML files of stores."""
