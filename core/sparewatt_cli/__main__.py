"""`python -m sparewatt_cli` is `sparewatt`."""

from sparewatt_cli.entry import main

if __name__ == "__main__":
    main()
