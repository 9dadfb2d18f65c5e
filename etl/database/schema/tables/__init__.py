"""Every table that the migrations make, as queries use it."""
