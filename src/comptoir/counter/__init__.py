"""What every channel shares: customers (opaque), points, sales."""
