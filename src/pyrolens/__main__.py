"""python -m pyrolens"""

import sys

from pyrolens.cli import main

if __name__ == "__main__":
    sys.exit(main())
