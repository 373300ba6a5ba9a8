-- cpu_use: one row is a time during which a recorded thread had a CPU.
-- From thread_state, whose rows of one turn on the CPU touch each other. What other threads did there was not recorded.
INSERT INTO cpu_use
WITH turn AS (
    SELECT *, sum(CAST(from_ns IS DISTINCT FROM before OR cpu IS DISTINCT FROM cpu_before AS INTEGER))
              OVER (PARTITION BY tid ORDER BY from_ns ROWS UNBOUNDED PRECEDING) AS number
    FROM (SELECT *, lag(to_ns) OVER w AS before, lag(cpu) OVER w AS cpu_before FROM thread_state WHERE state = 'running'
          WINDOW w AS (PARTITION BY tid ORDER BY from_ns))
)
SELECT any_value(cpu), tid, min(task_id), min(from_ns), max(to_ns),
       coalesce(sum(to_ns - from_ns) FILTER (WHERE call_id IS NULL), 0)
FROM turn GROUP BY tid, number
ORDER BY 4, 1;
