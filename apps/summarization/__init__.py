"""Summaries: sentences chosen by a hierarchical network, or written by one that copies."""
