"""Which columns of a sample identify a sensor, and which a reading."""
