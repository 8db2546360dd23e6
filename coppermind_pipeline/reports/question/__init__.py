"""What is asked of a report: the request, its period, and the frame that both give."""
