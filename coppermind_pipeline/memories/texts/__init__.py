"""What memories say: texts of records, from subjects and phrases."""
