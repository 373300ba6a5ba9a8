import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["listing", "follow", "connections", "descriptors", "stats"])
def test_what_prints_a_capture_loads_no_numpy(module):
    """It takes as long to load as all the rest of a command."""
    script = f"import sys, wiretale.show.{module}, wiretale.filter.compile; print('numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
