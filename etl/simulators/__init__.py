"""One simulator per packaged feed, and one that makes readings from any contract. `etl.simulate` is the way in."""
