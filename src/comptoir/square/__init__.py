"""Open to everyone: what anybody may read, under names that people chose."""
