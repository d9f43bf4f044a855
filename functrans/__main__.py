"""``python -m functrans``."""

from functrans.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
