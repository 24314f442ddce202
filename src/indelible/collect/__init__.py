"""The receiving side: takes records out of spools and seals them, exactly once."""
