"""The proof of a capture's links, recomputed from the raw tables: `carried`, `evidence`, `reasons`, `check`.

Nothing here imports `join`. What the joins claim (streams, segments, links) is read from the capture and compared with
what the calls returned, what the frames' headers say, and the captured bytes.
"""
