-- file: one row is one open file description (what dup and fork share).
-- From the state machine in join/descriptors.py (j_file), which reads call, call_data, task and descriptor_sample.
INSERT INTO file
SELECT file_id, kind, name, inode, open_call_id, from_ns, to_ns
FROM j_file
ORDER BY file_id;
