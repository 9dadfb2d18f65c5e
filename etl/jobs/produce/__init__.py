"""Job 1: readings into a Kafka topic or a landing folder, simulated or from a file."""
