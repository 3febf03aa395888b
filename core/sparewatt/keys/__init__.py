"""A contributor's one identity: made once, kept in the keyring or in a labelled file."""
