"""Measurements: ratios against a baseline of the same run. `python -m bench --help`.

What is measured is the package of this checkout, here and in every child.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
