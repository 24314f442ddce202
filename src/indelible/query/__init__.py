"""Finding kept records: the filter grammar, and the search that joins records into entries."""
