"""``python -m indelible``."""

from __future__ import annotations

import sys

from indelible.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
