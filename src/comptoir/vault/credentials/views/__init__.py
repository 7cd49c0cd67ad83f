"""The vault's own pages: ``entrance`` (coming in, going on), ``passkeys`` (a customer's own), ``sessions``."""
