"""Child processes and the pipes and memory areas shared with them."""
