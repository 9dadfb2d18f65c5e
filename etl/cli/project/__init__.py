"""Commands of an installed package: `demo`, `new` and `upgrade-notebooks`."""
