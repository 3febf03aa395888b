"""The `sparewatt` command: shows and steers an engine, tries the whole of it out, and makes and serves runs.

Importing this package costs nothing; `__main__.main` is the program, `app` holds the commands, and each command imports
what it needs when it runs, so that `sparewatt --help` is quick.
"""
