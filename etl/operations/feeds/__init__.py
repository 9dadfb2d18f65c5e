"""Working on the contracts of feeds: checking files, drafting a first one."""
