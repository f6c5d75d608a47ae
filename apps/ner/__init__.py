"""Named entities: a bidirectional network over words and characters, and a CRF."""
