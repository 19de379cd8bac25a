-- One row: the instant that all answers about now are given for.
--
-- now  time  The database's clock; the demo's stands still (UTC)
select
  {%- if stopped_at is defined %}
  cast('{{ stopped_at }}' as {{ "timestamptz" if postgresql else "text" }})
  {%- elif postgresql %}
  now()
  {%- else %}
  strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'
  {%- endif %} as now
