"""Icons, fonts and translations, as package data of their own so that every program can reach them when frozen."""
