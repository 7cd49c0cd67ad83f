"""How the world comes in: one package per audience, no business rules inside."""
