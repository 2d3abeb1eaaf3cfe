"""`python -m warehouse` is the program `warehouse`."""

from warehouse.cli import main

main()
