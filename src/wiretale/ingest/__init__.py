"""Foreign capture files to the same raw tables that a recording fills: one module per format."""
