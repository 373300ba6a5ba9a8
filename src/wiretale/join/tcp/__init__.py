"""TCP analysis: Wireshark's rules and true positions, computed in one pass by a small C library."""
