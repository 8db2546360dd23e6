"""One account: who is known at a company, what was sold to it, what is open, and what is remembered of it."""
