"""The figures of a report: counted by SQL, grouped, and put into a headline."""
