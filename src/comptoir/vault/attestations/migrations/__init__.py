"""Steps of the tables of this package."""
