"""Search: requests read, filters compiled to SQL, matching ids kept and cut into pages."""
