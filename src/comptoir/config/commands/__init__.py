"""The verbs of the command ``comptoir``: one module each, with the name of the verb."""
