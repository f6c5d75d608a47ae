"""What all applications share: configuration, command line, run directory, training loop."""
