"""Records that are not text, made into the JSON messages that `etl.validation.message` reads."""
