"""What `make demo` and `make demo-ui` run."""

import sys

from coppermind_pipeline.stopping import end_at_signals, ended_at_signals

if __name__ == "__main__":
    with ended_at_signals():  # nothing has begun yet
        from coppermind_pipeline.interfaces.demo.demonstration import main
    code = main()
    end_at_signals()  # nothing but leaving is left to do
    sys.exit(code)
