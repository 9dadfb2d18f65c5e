"""Messages of IoT platforms and standards."""
