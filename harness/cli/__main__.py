"""Entry point of ``python -m harness.cli``."""

import sys

from harness.cli.entry import main

sys.exit(main())
