"""Calendar days, ranges of them, and what tells whether one changed."""
