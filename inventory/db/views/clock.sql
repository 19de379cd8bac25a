-- One row: the time that all views about the present are evaluated for.
--
-- now  time  The database's clock (UTC); fixed in the demo database
select
  {%- if stopped_at is defined %}
  cast('{{ stopped_at }}' as {{ "timestamptz" if postgresql else "text" }})
  {%- elif postgresql %}
  now()
  {%- else %}
  strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00'
  {%- endif %} as now
