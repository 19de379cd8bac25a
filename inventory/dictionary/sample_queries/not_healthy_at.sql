-- What was not healthy at a given time?
-- :time = 2026-10-13 12:00:00.000000+00:00
select connector_id, health, health_since from connector_status_history
where valid_from <= :time
  and (valid_to > :time or valid_to is null)
  and health <> 'healthy' order by connector_id;
