"""Filter text in Wireshark's display-filter syntax -> parameterised SQL over all levels."""
