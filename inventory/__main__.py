"""`python -m inventory` is the console script."""

from inventory.cli import main

if __name__ == "__main__":
    main()
