"""The real `indelible proxy`, but that nothing collects behind a test's back. Not a test.

python serve.py WORDS…
"""

from __future__ import annotations

import sys

from indelible.capture import assemble
from indelible.cli.main import main

if __name__ == "__main__":
    assemble.start_collection = lambda state: True  # the tests read the spool themselves
    sys.exit(main(["proxy", *sys.argv[1:]]))
