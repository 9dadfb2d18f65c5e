"""The envelopes in which common platforms send readings, one recogniser per module; `registry` has their order."""
