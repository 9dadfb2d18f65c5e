"""Job 2: messages of a topic, or files of a landing folder, into part files."""
