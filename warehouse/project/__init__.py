"""What the user wrote, read and checked: SQL files, and the lineage between them."""
