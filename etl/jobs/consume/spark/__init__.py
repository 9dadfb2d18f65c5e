"""Reading a topic with Spark: session, cluster, parsing of messages, errors."""
