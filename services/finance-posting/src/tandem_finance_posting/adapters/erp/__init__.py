"""ERPs behind one port: each speaks its own way and answers in ours."""
