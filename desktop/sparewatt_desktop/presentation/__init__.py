"""What pages show, as values and words: everything about a page that can be told without Qt."""
