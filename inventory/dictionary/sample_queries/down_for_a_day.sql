-- What has been down for more than a day, and through which states did it go?
select connector_id, service, path, started_at, minutes
from incidents
where ended_at is null and minutes > 1440
order by minutes desc;
