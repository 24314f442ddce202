"""Where the collector keeps what it sealed, and how readers get at it without a lock."""
