"""`python -m chainrun`."""

import sys

from chainrun.engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
