"""Translation: from pairs of sentences to a translator with the search inside its graph."""
