"""Real and imaginary parts, angles."""
