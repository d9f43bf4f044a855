"""What type checkers read is not run."""

collect_ignore = ["usage.py"]
