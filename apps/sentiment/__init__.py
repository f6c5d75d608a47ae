"""Sentiment: from raw reviews to a classifier that says which words moved it."""
