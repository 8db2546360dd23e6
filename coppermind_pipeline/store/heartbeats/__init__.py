"""Signs of life: who looks for due polls, and the processes that work on runs."""
