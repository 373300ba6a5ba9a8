"""Lines in C, for as long as every record is surely understood (`quick.h`); `tables.py` makes its tables."""
