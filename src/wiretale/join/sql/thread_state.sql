-- thread_state: one row is a time during which one thread was in one state, and in one call or in none.
-- From kernel_event (scheduler events), call and task.
-- A thread leaves a CPU and comes to one at sched_switch. Waking one that sleeps makes it runnable; waking one that does
-- not changes nothing. Who leaves the CPU ready to run had to, or called sched_yield (which the call then says). Before a
-- thread's first scheduler event its state is unknown: no row. Its end is when it leaves the CPU for good: between
-- sched_process_exit and that its memory may be taken down.
-- States are bits of linux/sched.h: 2 TASK_UNINTERRUPTIBLE, 4 __TASK_STOPPED, 8 __TASK_TRACED, 0x10 EXIT_DEAD, 0x80
-- TASK_DEAD, 0x400 TASK_NOLOAD (uninterruptible, but idle).
INSERT INTO thread_state
WITH change AS (
    SELECT tid, event_id, time_ns,
           CASE WHEN value IN (-1, 0) THEN 'runnable' WHEN value & 144 > 0 THEN 'gone' WHEN value & 12 > 0 THEN 'stopped'
           ELSE 'blocked' END AS state,
           NULL AS cpu,
           CASE WHEN value IN (-1, 0) THEN 'preempted' WHEN value & 1026 = 2 THEN 'uninterruptible' END AS reason,
           NULL AS waker_tid
    FROM kernel_event WHERE name = 'sched:sched_switch' AND tid <> 0
    UNION ALL
    SELECT other_tid, event_id, time_ns, 'running', cpu, NULL, NULL
    FROM kernel_event WHERE name = 'sched:sched_switch' AND other_tid <> 0
    UNION ALL
    SELECT other_tid, event_id, time_ns, 'woken', NULL, CASE name WHEN 'sched:sched_process_fork' THEN 'new' ELSE 'woken' END,
           CASE context WHEN 'task' THEN tid END
    FROM kernel_event WHERE name IN ('sched:sched_waking', 'sched:sched_wakeup', 'sched:sched_process_fork')
),
of_traced AS (SELECT * FROM change WHERE tid IN (SELECT tid FROM task WHERE traced)),
after AS (SELECT *, lag(state) OVER (PARTITION BY tid ORDER BY time_ns, event_id) AS before FROM of_traced),
-- A second waking finds the first one's, and one of a thread that is not blocked finds that.
counted AS (
    SELECT tid, event_id, time_ns, CASE state WHEN 'woken' THEN 'runnable' ELSE state END AS state, cpu, reason, waker_tid
    FROM after WHERE state <> 'woken' OR before IN ('blocked', 'stopped') OR (before IS NULL AND reason = 'new')
),
point AS (
    SELECT tid, time_ns, 1 AS kind, event_id, state, cpu, reason, waker_tid, NULL::BIGINT AS call_id FROM counted
    UNION ALL
    SELECT tid, start_ns, 2, NULL, NULL, NULL, NULL, NULL, call_id FROM call
    WHERE tid IN (SELECT tid FROM counted)
    UNION ALL
    SELECT tid, exit_ns, 0, NULL, NULL, NULL, NULL, NULL, 0 FROM call
    WHERE exit_ns IS NOT NULL AND tid IN (SELECT tid FROM counted)
),
swept AS (
    SELECT tid, time_ns AS from_ns, lead(time_ns) OVER w AS to_ns,
           last_value(CASE WHEN kind = 1 THEN {s: state, c: cpu, r: reason, k: waker_tid} END IGNORE NULLS) OVER w AS x,
           nullif(last_value(call_id IGNORE NULLS) OVER w, 0) AS call_id
    FROM point WINDOW w AS (PARTITION BY tid ORDER BY time_ns, kind, event_id)
)
SELECT t.task_id, s.tid, s.from_ns, s.to_ns, s.x.s, s.call_id, s.x.c, s.x.r, s.x.k
FROM swept s
ASOF LEFT JOIN (SELECT tid, task_id, start_ns FROM task WHERE traced) t ON t.tid = s.tid AND s.from_ns >= t.start_ns
WHERE s.x IS NOT NULL AND s.x.s <> 'gone' AND s.to_ns > s.from_ns
ORDER BY s.from_ns, s.tid;
