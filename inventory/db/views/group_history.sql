-- One row per version of a row of groups; valid_to null = the open version.
-- Key: group_id, valid_from.
--
-- group_id       text    The group's id, as the API gives it
-- account_id     text    The Fivetran account the group was seen in
-- group_name     text    The group's name
-- created_at     time    When it was created (UTC)
-- extra          json    Fields of the API that have no column, and values that do not fit their
--                        column, verbatim; secrets masked
-- valid_from     time    When this version began: observed_at of the run that first saw it (UTC)
-- changed_after  time    observed_at of the complete run before that one (UTC): the change happened
--                        after it; null = there was none
-- valid_to       time    When this version ended: observed_at of the run that no longer saw it
--                        (UTC); null = it is the current version
select group_id, account_id, group_name, created_at, extra, valid_from, changed_after, valid_to
from groups_past
union all
select group_id, account_id, group_name, created_at, extra, valid_from, changed_after, null
from groups
-- A removed group keeps its row, but the version in it is closed.
where removed_at is null
