"""`python -m wiretale.netcat` is the netcat alone, without the rest of wiretale."""

import sys

from wiretale.netcat.main import main

sys.exit(main(sys.argv[1:]))
