"""What `make check` proves beside imports: each table has one owner, errors are one tree, written pages are new."""
