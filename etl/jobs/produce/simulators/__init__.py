"""One simulator per packaged feed, and one that makes readings from any contract. `etl.jobs.produce.simulate` is the way in."""
