"""Raw tables to derived tables: what can be proven about descriptors, sockets, connections and bytes.

`build.build` is the visible list of steps. SQL models are in `sql/`, one file for each derived table; Python holds only
state machines over the few rows that need one. Nothing here opens a file, a socket or a clock.
"""
