-- One row per version of a row of warnings; valid_to null = it is so now.
--
-- connector_id   text    The connector's id, as the API gives it
-- fingerprint    text    Digest of the alert's content; alerts have no id
-- ordinal        number  0, 1, … among equal alerts of one connector
-- code           text    Kind of condition; may repeat within one connector
-- message        text    The API's words
-- details        json    Any JSON the API adds
-- extra          json    Fields without a column, and values that do not fit theirs, verbatim
-- valid_from     time    When this version began: observed_at of the run that first saw it (UTC)
-- changed_after  time    The last complete run before that one: the change happened after it (UTC);
--                        null = there was none
-- valid_to       time    When this version ended: observed_at of the run that no longer saw it
--                        (UTC); null = it is so now
select connector_id, fingerprint, ordinal, code, message, details, extra, valid_from,
  changed_after, valid_to
from warnings_past
union all
select connector_id, fingerprint, ordinal, code, message, details, extra, valid_from,
  changed_after, null
from warnings
