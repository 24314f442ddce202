"""What is seen (events) and what is kept (records). Pure: no clock, no randomness, no I/O."""
