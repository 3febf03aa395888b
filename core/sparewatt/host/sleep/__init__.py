"""A coming sleep of the computer: told early, and put off for as long as it takes to leave the devices."""
