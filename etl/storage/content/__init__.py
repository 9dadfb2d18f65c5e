"""What is in files of other programs: unpacked, and as the messages that they hold."""
