"""How long a census takes of users who have 20 traits, and whether it holds up whoever arrives meanwhile:
`uv run python -m tests.benchmarks.census`. Works on a database of its own, as segments.py does."""

import argparse
import os
import subprocess
import sys

from tests.benchmarks.ingestion import ROOT
from tests.benchmarks.segments import build, database

TRAITS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", metavar="NAME", help="keep the database under this name, or use it if it exists")
    options = parser.parse_args()
    name = f"{options.keep or f'callout_benchmark_{os.getpid()}'}_{options.users}_{TRAITS}"
    with database(name, keep=bool(options.keep)) as (environment, is_new):
        if is_new:
            build(environment, "Twenty", options.users, TRAITS)
        measure = f"from tests.benchmarks import census_figures as f; f.main('twenty', {options.rounds})"
        command = [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "--command", measure]
        subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
