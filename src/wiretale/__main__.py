"""`python -m wiretale` is the `wiretale` command."""

from wiretale.cli import main

main()
