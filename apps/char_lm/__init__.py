"""The character language model: from a text to a model that continues it."""
