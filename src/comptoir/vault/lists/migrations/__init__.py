"""Migrations of the customer lists."""
