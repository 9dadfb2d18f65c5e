"""One simulator per packaged feed, and one that makes readings from any contract. Call it through `etl.jobs.produce.simulate`."""
