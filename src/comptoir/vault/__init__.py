"""The protected room. Today it holds the credentials of staff."""
