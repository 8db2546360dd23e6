"""All minds of a customer at a glance: what is so, what was won and lost, and what needs a person."""
