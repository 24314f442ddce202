"""Records on their way out: the spool, and what moves it to the collector."""
