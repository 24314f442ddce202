"""Forms in which entries leave: for other programs, a spreadsheet, SQL. Views, not the record."""
