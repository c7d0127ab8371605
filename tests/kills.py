"""How often tests kill what they watch: a few times in a run of all tests, twenty times in a soak."""

import os

KILLS = int(os.environ.get("FAULT_KILLS", "6"))
