"""What the person may set: every option once, and the file that keeps their values."""
