"""The envelopes in which common platforms send readings, one recogniser a module; `registry` has their order."""
