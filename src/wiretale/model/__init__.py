"""The tables and record layouts. Nothing here computes; everything else derives from it."""
