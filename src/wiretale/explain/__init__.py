"""What the rows of a capture mean: the knowledge base, and where its entries occur in a capture.

Takes values and a capture, gives values; `show` lays them out. The entries are data (`knowledge/SUBJECT.toml`); this
package holds no sentence about networking itself.
"""
