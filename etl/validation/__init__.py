"""What a message or a line means, and what is wrong with it."""
