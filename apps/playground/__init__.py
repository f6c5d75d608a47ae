"""A web page to try trained runs of the applications."""
