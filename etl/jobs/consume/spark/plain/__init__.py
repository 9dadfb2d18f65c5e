"""Messages that are so plain that one regular expression makes lines of a part file of them."""
