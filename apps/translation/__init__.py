"""Translation: from pairs of sentences to a translator that searches inside its own graph."""
