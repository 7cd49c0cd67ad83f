"""What the tests stand on: a fresh shop for each test, a real gateway, a browser. No mocks of PostgreSQL."""
