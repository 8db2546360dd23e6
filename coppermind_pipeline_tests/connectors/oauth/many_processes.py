"""Processes that want one connector's access token at the same moment; each prints a digest of what it got.

With a third argument they are killed between HubSpot's answer to a refresh and the commit that stores it.
"""

import asyncio
import hashlib
import os
import signal
import sys

from coppermind_pipeline.connectors import StoredTokens, load_connector
from coppermind_pipeline.connectors.oauth import tokens
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database


def _child(connector_id: str, ready: int, start: int) -> None:
    settings = Settings.from_environment()
    database = Database.open(settings)
    stored = StoredTokens(database, settings, load_connector(database, connector_id))
    os.write(ready, b".")
    # Ends for all children at once, when the parent closes the other end.
    os.read(start, 1)
    token = asyncio.run(stored.current())
    os.write(1, f"token {hashlib.sha256(token.get_secret_value().encode()).hexdigest()}\n".encode())
    database.dispose()


def main() -> None:
    connector_id, number = sys.argv[1], int(sys.argv[2])
    if len(sys.argv) > 3:
        tokens.store_grant = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    start, end = os.pipe()
    heard, ready = os.pipe()
    children = []
    for _ in range(number):
        child = os.fork()
        if child == 0:
            os.close(end)
            _child(connector_id, ready, start)
            os._exit(0)
        children.append(child)
    for _ in children:
        os.read(heard, 1)
    os.close(end)
    failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
