"""Messages as they come from Kafka: what Kafka keeps beside them, and what must be decoded before they can be split."""
