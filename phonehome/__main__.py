"""`python -m phonehome` is the command `phonehome`."""

import sys

from phonehome.cli import main

if __name__ == "__main__":
    sys.exit(main())
