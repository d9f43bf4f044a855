"""What ``peers.py`` measures, one file each: sizes, starts of processes, calls of gradients, coverage of NumPy."""
