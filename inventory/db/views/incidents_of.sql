-- The rows of `incidents` of the connectors `:ids`. Only the history of these is read.
--
-- The columns are those of `incidents`.
{% extends "incidents.sql" %}
{% block of_these %} and v.connector_id in :ids{% endblock %}
