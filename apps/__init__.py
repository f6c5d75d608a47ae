"""The applications: each trains, judges itself against a baseline, exports and serves."""
