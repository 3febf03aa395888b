"""Ids and values → sentences for people, in every language; for screens and terminals, never for the engine itself."""
