"""Shape operations."""
