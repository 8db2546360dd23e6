"""`coppermind`, whose pulls do at once what follows them, and whatever it takes; tests of syncs start it."""

from coppermind_pipeline.interfaces.cli import main
from coppermind_pipeline.sync.pulling import pull

if __name__ == "__main__":
    pull.FOLLOW_AFTER_S = pull.FOLLOW_EVERY_S = 0.05
    pull.NORMALIZING_SHARE_MAX = 1_000.0
    main()
