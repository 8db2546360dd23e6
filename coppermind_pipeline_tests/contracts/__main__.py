"""`make check`'s own part: exit 1 with file and line of what breaks a contract, or the page that is stale.

With `--write` it writes the pages instead.
"""

import sys

from coppermind_pipeline_tests.contracts import errors, form, ownership, pages, private_names


def main(arguments: list[str]) -> int:
    """Print what is broken; return the exit code."""
    if "--write" in arguments:
        pages.write()
        return 0
    broken = [
        *ownership.violations(), *form.violations(), *errors.violations(), *private_names.violations(), *pages.stale(),
    ]  # fmt: skip
    for each in broken:
        print(each)
    print(f"Contracts of tables, form, errors, private names and pages: {len(broken)} broken.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
