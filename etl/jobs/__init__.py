"""The four jobs of a cycle, a package each; none imports another."""
