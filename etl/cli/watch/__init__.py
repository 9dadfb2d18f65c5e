"""Commands for whoever is to be told when something goes wrong."""
