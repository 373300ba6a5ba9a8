"""`python -m wiretale` is the `wiretale` command."""

from wiretale.start import main

main()
