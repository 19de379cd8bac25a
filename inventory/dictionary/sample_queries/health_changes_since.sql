-- Whose health has changed since a given time?
-- :since = 2026-10-29 03:00:00.000000+00:00
select changed_at, connector_id, old_value, new_value from state_changes
where field = 'health' and changed_at > :since
order by changed_at, connector_id;
