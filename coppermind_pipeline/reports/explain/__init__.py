"""Where a number comes from: any figure of an answer, asked about later by its id."""
