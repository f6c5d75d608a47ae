"""The character language model: trained on a text, it generates a continuation of a prompt."""
