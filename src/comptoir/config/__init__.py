"""Wires the house together: settings, addresses, servers, the command ``comptoir``."""
