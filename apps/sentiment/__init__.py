"""Sentiment classification of reviews, with the effect of each word on the result."""
