"""A process that opens the embedded server from several threads at once, over and over, each time as it starts anew.

Arguments: the home, and how many threads. Prints one line per thread; ends with a traceback where any was cut off.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from coppermind_pipeline.store import embedded


def use(home: Path) -> int:
    """Open the server and ask it something, as a command does."""
    with psycopg.connect(embedded.start(home)) as connection:
        # Long enough for others to come and go beside it.
        row = connection.execute("SELECT count(pg_sleep(0.05)) FROM generate_series(1, 3)").fetchone()
    assert row is not None
    return row[0]


def main() -> None:
    home, threads = Path(sys.argv[1]), int(sys.argv[2])
    with ThreadPoolExecutor(threads) as pool:
        for answer in pool.map(use, [home] * threads):
            sys.stdout.write(f"{answer}\n")


if __name__ == "__main__":
    main()
