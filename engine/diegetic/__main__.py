"""`diegetic` and `python -m diegetic`: the command line, and what is logged where."""

import logging
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    logging.basicConfig(level=logging.ERROR, format="note: %(message)s")
    logging.getLogger("diegetic").setLevel(logging.WARNING)  # what the user should know, such as a repaired plan
    logging.captureWarnings(True)  # the libraries' own are for developers: logged below the level, not shown
    try:
        from diegetic.cli.app import run
        from diegetic.cli.outside import Outside

        code = run(sys.argv[1:], Outside())
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
