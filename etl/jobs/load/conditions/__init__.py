"""What is wrong with a feed although its load succeeds: each condition is a module, and a line in the registry."""
