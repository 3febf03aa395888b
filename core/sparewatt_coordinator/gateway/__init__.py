"""The contributors' side of a coordinator: sessions over websockets, a page for people, a socket for the organiser."""
