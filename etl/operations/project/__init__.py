"""A project of a user's own: a folder with contracts, notebooks and settings beside an installed package."""
