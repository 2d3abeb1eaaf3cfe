"""`python -m warehouse` is the program `warehouse`."""

from warehouse.cli import main
from warehouse.cli.startup import end_process


def run() -> None:
    """Run the command that the arguments name, and end the process."""
    try:
        main(prog_name="warehouse")
    except SystemExit as left:
        end_process(left)


if __name__ == "__main__":
    run()
