"""Which addresses each room answers to: one module for each room."""
