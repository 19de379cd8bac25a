-- One row per version of a row of setup_tests; valid_to null = the open version.
-- Key: connector_id, title, ordinal, valid_from.
--
-- connector_id   text    The connector's id, as the API gives it
-- title          text    The test's title; empty if the API sent none
-- ordinal        number  0, 1, … among equal titles of one connector
-- status         text    PASSED, SKIPPED, WARNING, FAILED, JOB_FAILED, or as the API sends it
-- message        text    The message, as the API sends it
-- details        json    Any JSON that the API adds
-- extra          json    Fields of the API that have no column, and values that do not fit their
--                        column, verbatim
-- valid_from     time    When this version began: observed_at of the run that first saw it (UTC)
-- changed_after  time    observed_at of the complete run before that one (UTC): the change happened
--                        after it; null = there was none
-- valid_to       time    When this version ended: observed_at of the run that no longer saw it
--                        (UTC); null = it is the current version
select connector_id, title, ordinal, status, message, details, extra, valid_from, changed_after, valid_to
from setup_tests_past
union all
select connector_id, title, ordinal, status, message, details, extra, valid_from, changed_after, null
from setup_tests
