"""How to measure: time, memory, load, and the report of a benchmark."""
