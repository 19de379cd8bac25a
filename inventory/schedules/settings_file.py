"""Lists what the file of settings contains, without a value that is a secret or may be one."""

import re
from collections.abc import Mapping
from pathlib import Path

from inventory.errors import ConfigurationError
from inventory.schedules.chosen_database import ELLIPSIS, ChosenDatabase
from inventory.settings import DATABASE_URL, KEY_NAMES, SECRET_NAMES

Settings = dict[str, str]

# Variables whose values are the names of files.
FILE_VARIABLES = {
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PGSERVICEFILE", "PGPASSFILE"),
    *("PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL", "PGSSLCRLDIR"),
}


def required(database: ChosenDatabase, *, names_file: bool) -> Settings:
    """Return the settings that each run needs.

    The place of a SQLite file is one of them only with `names_file`.
    """
    settings = {KEY_NAMES[0]: ELLIPSIS, SECRET_NAMES[0]: ELLIPSIS}
    if names_file or not database.is_file:
        settings[DATABASE_URL] = database.url
    return settings


def optional(database: ChosenDatabase, environ: Mapping[str, str]) -> Settings:
    """Return the other settings that an environment has.

    Only the name of a schema is shown: it belongs to the database.
    """
    proxies = [name for name in environ if re.fullmatch("(HTTPS|ALL|NO)_PROXY", name.upper())]
    names = {"FIVETRAN_API_URL", "INVENTORY_PING_URL", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    names |= {*proxies}
    if not database.is_file:
        from psycopg.pq import Conninfo

        names |= {each.envvar.decode() for each in Conninfo.get_defaults() if each.envvar}
        names |= {"INVENTORY_SCHEMA", "PGSERVICEFILE"}
    schema = environ.get("INVENTORY_SCHEMA", "")
    shown = {"INVENTORY_SCHEMA": schema} if re.fullmatch(r"\w+", schema, re.ASCII) else {}
    return {name: shown.get(name, ELLIPSIS) for name in sorted(names) if environ.get(name)}


def default_path() -> str:
    """Return where the README puts the file."""
    try:
        return str(Path.home() / ".inventory.env")
    except RuntimeError:  # no HOME and no such user
        raise ConfigurationError(
            "This user has no home directory for the file of settings. Pass --env-file."
        ) from None
