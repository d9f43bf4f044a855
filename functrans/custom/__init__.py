"""Rules and operations of users' own: custom derivatives, primitives made of any function, names of values."""
