"""What the jobs meet through on disk and in Kafka: files and manifests, the CSV dialect, locks, topics."""
