"""Pure rules: no I/O, no clock, no client library. What is decided here is executed elsewhere."""
