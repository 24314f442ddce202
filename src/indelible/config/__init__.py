"""What the operator decides: one file, the environment, flags; and where each value is from."""
