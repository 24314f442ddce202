"""The guide's three queries, as it writes them."""

DESTRUCTIVE = """
SELECT timestamp, actor_id, tool, args
FROM audit_log
WHERE outcome = 'ok'
  AND tool IN ('delete_file', 'drop_table', 'send_email')
  AND timestamp > datetime('now', '-1 day')
ORDER BY timestamp DESC;
"""
FREQUENT = """
SELECT actor_id, COUNT(*) AS call_count
FROM audit_log
WHERE timestamp > datetime('now', '-1 hour')
GROUP BY actor_id
HAVING call_count > 500
ORDER BY call_count DESC;
"""
FAILING = """
SELECT tool,
       SUM(CASE WHEN outcome='error' THEN 1 ELSE 0 END) * 100.0 / COUNT(*) AS error_pct
FROM audit_log
WHERE timestamp > datetime('now', '-1 day')
GROUP BY tool
HAVING error_pct > 5
ORDER BY error_pct DESC;
"""
