"""Code shared by all applications: configuration, command line, run directory, training."""
