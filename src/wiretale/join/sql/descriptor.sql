-- descriptor: one row is one descriptor number of one process meaning one file for one span of time.
-- From the state machine in join/descriptors.py (j_descriptor).
INSERT INTO descriptor
SELECT row_number() OVER (ORDER BY from_ns, pid, fd, file_id),
       pid, fd, file_id, from_ns, to_ns, how, end_how, open_call_id, close_call_id, cloexec
FROM j_descriptor
ORDER BY from_ns, pid, fd, file_id;
