"""What the values of a sample's column say about it: type, marks in numbers, words for missing values, formats of times."""
