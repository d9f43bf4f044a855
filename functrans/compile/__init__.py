"""What makes programs fast: passes that rewrite them, a plan of where values live, and the code that runs."""
