"""How notebooks run, and what they show."""
