"""Django's way into the database: as a room's role, asked for at the moment of connecting."""
