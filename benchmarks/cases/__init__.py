"""What is measured: the compared layers, models, files and requests."""
