"""A page in the browser with the four applications, on whatever runs there are."""
