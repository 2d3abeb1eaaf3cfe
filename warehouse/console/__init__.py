"""What a person reads on a terminal: progress, tables, words."""
