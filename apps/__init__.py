"""Seven applications: each is trained, compared with baselines, exported and served."""
